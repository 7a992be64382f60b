export * from './worker.js';
import * as worker from './worker.js';
export default worker;
