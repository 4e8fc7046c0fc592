import { type AdapterFixture, describeAdapter } from '../contracts/adapter.js';
import { describeFamily } from '../contracts/family.js';

/** Goes on from an adapter's folder. */
const withInit =
  (method: string): AdapterFixture['again'] =>
  (init) => ({ adapter: { method, init } });

describeFamily('adapters', describeAdapter, [
  ['lora', { again: withInit('lora') }],
  [
    'lora',
    {
      options: { r: 3, useRslora: true, dropout: 0.25, targetModules: 'all-linear' },
      again: withInit('lora'),
    },
  ],
  ['full', { again: (path) => ({ model: { path } }), isWhole: true }],
  ['ia3', { again: withInit('ia3') }, 'ia3.ts'],
]);
