// ✅ Good: CPU-intensive
await workerTasks.hashData(password, 'sha256');
await workerTasks.compressData(largeData);
await workerTasks.heavyComputation(complexCalc);

// ❌ Bad: I/O operations (already non-blocking)
await db.users.find(); // Use normal async/await
await fetch('https://api.example.com'); // Already non-blocking
