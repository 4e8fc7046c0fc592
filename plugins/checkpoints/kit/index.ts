/** What checkpoint formats share with the backbones that they are for: `evolving-alpaca/checkpoints`. */

export * as gguf from './gguf/index.js';
export { invalid } from './tensor-file.js';
