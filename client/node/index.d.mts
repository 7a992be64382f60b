export * from './index.js';
import * as moro from './index.js';
export default moro;
