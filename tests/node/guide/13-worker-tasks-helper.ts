import { workerTasks } from 'moro-client';

// JWT operations
workerTasks.verifyJWT(token, secret, options?): Promise<JWTResult>
workerTasks.signJWT(payload, secret, options?): Promise<string>

// Cryptography
workerTasks.hashData(input, algorithm): Promise<string>
workerTasks.encryptData(data, key): Promise<string>
workerTasks.decryptData(data, key): Promise<string>

// Compression
workerTasks.compressData(data): Promise<Buffer>
workerTasks.decompressData(data): Promise<string>

// Computation
workerTasks.heavyComputation(operation, params): Promise<any>
workerTasks.transformJSON(data, transformer): Promise<any>
