import { describeCheckpoint } from '../contracts/checkpoint.js';
import { describeFamily } from '../contracts/family.js';
import { readTensors } from '../support/checkpoints.js';
import { fixture } from '../support/files.js';

const SMALL = {
  'a.scalar': { type: 'f32', shape: [], values: [0.1] },
  'b.half': { type: 'f16', shape: [1, 2], values: [1, -2] },
  'c.brain': { type: 'bf16', shape: [2], values: [1.5, -1] },
} as const;

describeFamily('checkpoints', describeCheckpoint, [
  [
    'safetensors',
    {
      sample: () => fixture('llama', 'model.safetensors'),
      expected: () => readTensors(fixture('llama')),
      writes: '.safetensors',
    },
  ],
  [
    'torch',
    {
      sample: () => fixture('torch', 'views.pt'),
      expected: () => readTensors(fixture('torch', 'expected.safetensors')),
    },
  ],
  [
    'gguf',
    {
      sample: () => fixture('gguf', 'types.gguf'),
      expected: () => readTensors(fixture('gguf', 'types.safetensors')),
      writes: '.gguf',
      readsLater: true,
    },
  ],
  [
    'json-weights',
    {
      sample: (folder) => folder.write('small.weights.json', JSON.stringify(SMALL)),
      expected: async () => ({ ...SMALL, 'a.scalar': { ...SMALL['a.scalar'], values: [Math.fround(0.1)] } }),
      writes: '.weights.json',
    },
    'json-weights.ts',
  ],
]);
