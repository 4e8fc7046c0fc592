import { describeDevice } from '../contracts/device.js';
import { describeFamily } from '../contracts/family.js';

describeFamily('devices', describeDevice, [
  ['native', {}],
  ['native', { options: { threads: 1 } }],
  ['portable', {}],
  ['portable', { options: { backend: 'cpu' } }],
  ['tensorflow', {}],
  ['far', { isFar: true, hasCache: true }, 'far.ts'],
]);
