import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { compose, readFixture, withModel } from '../../support/compose.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { type ExpectedLlama, LLAMA } from '../../support/llama-fixture.js';
import { expectClose } from '../../support/numbers.js';
import { askPython } from '../../support/python.js';
import { labelled } from '../../support/rows.js';
import { skip } from '../../support/skip.js';

const { prompt } = readFixture<ExpectedLlama>('llama', 'expected.json');

describe('an adapter that a run wrote', () => {
  it('is loaded by PEFT and computes there what it computes here', async function () {
    const folder = new TemporaryFolder();
    try {
      const run = await compose({
        model: LLAMA,
        adapter: { method: 'lora', r: 4, alpha: 12, targetModules: 'all-linear' },
        device: { name: 'portable' },
        data: {
          sources: [{ path: fixture('llama', 'train.json'), format: 'alpaca' }],
          cutoffLength: 512,
          validationSize: 0,
        },
        train: {
          perDeviceBatchSize: 2,
          gradientAccumulationSteps: 1,
          maxSteps: 3,
          warmupSteps: 0,
          learningRate: 0.05,
        },
        output: folder.join('run'),
      });
      await run.trainer.run();
      const adapter = folder.join('run', 'adapter');
      const script = 'plugins/adapters/load_with_peft.py';
      const found = askPython<number[][]>(script, [LLAMA.path, adapter], prompt);
      if ('missing' in found) {
        skip(this, `${found.missing} (EVOLVE_PYTHON names a Python that has peft)`);
      }
      const batchOf = Int32Array.from(prompt);
      const logitsWith = (values: Record<string, unknown>) =>
        withModel({ model: LLAMA, ...values }, (model) => {
          const batch = model.collate([labelled(batchOf)]);
          return tf.tidy(() =>
            model.logits(batch, { training: false, seed: 0, checkpointing: false }).dataSync(),
          ) as Float32Array;
        });
      const ours = await logitsWith({ adapter: { method: 'lora', init: adapter } });
      const base = await logitsWith({});
      const moved = ours.map((logit, i) => Math.abs(logit - base[i]));
      expect(Math.max(...moved), 'the adapter does something').to.be.above(0.1);
      expectClose(ours, found.answer.flat(), 1e-4, 'logits');
    } finally {
      folder.remove();
    }
  });
});
