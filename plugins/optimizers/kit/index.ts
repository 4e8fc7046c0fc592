/** What optimizers share, and what a third party's optimizer may build on: `evolving-alpaca/optimizers`. */

export { KeptTensors } from './kept-tensors.js';
export { decayOf, type Parameter, perVariable } from './per-variable.js';
