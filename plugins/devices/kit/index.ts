/** What devices share, and what a third party's device may build on: `evolving-alpaca/devices`. */

export { DeviceKernels, tensorOf } from './kernels.js';
export { DEVICE_STAGES } from './stages.js';
