/** What devices share, and what a third party's device may build on: `evolving-alpaca/devices`. */

export { adamwFactors } from './adamw-factors.js';
export { kernelsOf, tensorOf } from './kernels.js';
export { DEVICE_STAGES } from './stages.js';
export { NF4_BLOCK, type StoredInt8, type StoredNf4, storedInt8, storedNf4 } from './stored-weight.js';
