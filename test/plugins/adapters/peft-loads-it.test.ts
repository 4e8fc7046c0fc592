import { spawnSync } from 'node:child_process';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { compose, readFixture, withModel } from '../../support/compose.js';
import { fixture, ROOT, TemporaryFolder } from '../../support/files.js';
import { type ExpectedLlama, LLAMA } from '../../support/llama-fixture.js';
import { expectClose } from '../../support/numbers.js';

const { prompt } = readFixture<ExpectedLlama>('llama', 'expected.json');

/** What PEFT's model says after each token of the prompt, or why it cannot be asked on this machine. */
function askPeft(adapter: string): { logits: number[][] } | { missing: string } {
  const python = process.env.EVOLVE_PYTHON ?? 'python3';
  const script = path.join(ROOT, 'test', 'plugins', 'adapters', 'load_with_peft.py');
  const { error, status, stdout, stderr } = spawnSync(python, [script, LLAMA.path, adapter], {
    input: JSON.stringify(prompt),
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (error && (error as NodeJS.ErrnoException).code === 'ENOENT')
    return { missing: `there is no ${python}` };
  if (status === 3) return { missing: `${python}: ${stderr.trim()}` };
  expect(status, stderr).to.equal(0);
  return { logits: JSON.parse(stdout.trim().split('\n').at(-1) ?? '') };
}

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
      const answer = askPeft(adapter);
      if ('missing' in answer) {
        console.log(`      skipped: ${answer.missing} (EVOLVE_PYTHON names a Python that has peft)`);
        this.skip();
      }
      const batchOf = Int32Array.from(prompt);
      const logitsWith = (values: Record<string, unknown>) =>
        withModel({ model: LLAMA, ...values }, (model) => {
          const batch = model.collate([{ inputIds: batchOf, labels: batchOf }]);
          return tf.tidy(() =>
            model.logits(batch, { training: false, seed: 0, checkpointing: false }).dataSync(),
          ) as Float32Array;
        });
      const ours = await logitsWith({ adapter: { method: 'lora', init: adapter } });
      const base = await logitsWith({});
      const moved = ours.map((logit, i) => Math.abs(logit - base[i]));
      expect(Math.max(...moved), 'the adapter does something').to.be.above(0.1);
      expectClose(ours, answer.logits.flat(), 1e-4, 'logits');
    } finally {
      folder.remove();
    }
  });
});
