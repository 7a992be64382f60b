await shutdown(): Promise<void>
