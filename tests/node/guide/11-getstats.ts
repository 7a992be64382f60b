getStats(): {
  workers: number;
  queueSize: number;
  activeTasks: number;
}
