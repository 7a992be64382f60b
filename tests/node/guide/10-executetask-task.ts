executeTask<T>(task: WorkerTask): Promise<T>

interface WorkerTask {
  id: string;              // Unique task ID
  type: string;            // Task type (e.g., 'crypto:hash')
  data: any;               // Task data
  priority?: 'low' | 'normal' | 'high';
  timeout?: number;        // Timeout in milliseconds
}
