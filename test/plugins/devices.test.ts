import { describeDevice } from '../contracts/device.js';
import { describeFamily } from '../contracts/family.js';
import { DRIVER } from '../support/cuda.js';

describeFamily('devices', describeDevice, [
  ['native', {}],
  ['native', { options: { threads: 1 } }],
  ['portable', {}],
  ['portable', { options: { backend: 'cpu' } }],
  ['tensorflow', { isFar: true }],
  ['cuda', { options: { driver: DRIVER }, isFar: true, hasCache: true }],
  ['far', { isFar: true, hasCache: true }, 'far.ts'],
]);
