/* The same objects for `import`. */
import worker from './lib/worker.js';

export const { task, run, MoroError } = worker;
export default worker;
