import { describeFamily } from '../contracts/family.js';
import { describeQuantizer } from '../contracts/quantizer.js';

describeFamily('quantizers', describeQuantizer, [
  ['none', { options: { compute: 'fp32' }, storage: 'f32', distance: [0, 0] }],
  ['none', { storage: 'f32', distance: [0, 0] }],
  ['int8', { storage: 'int8', distance: [1e-4, 3e-2] }],
  ['nf4', { storage: 'nf4', distance: [1e-3, 0.45] }],
  ['nf4', { options: { doubleQuantization: false }, storage: 'nf4', distance: [1e-3, 0.45] }],
  ['int4', { storage: 'int4 by rows', distance: [1e-3, 0.5] }, 'int4.ts'],
]);
