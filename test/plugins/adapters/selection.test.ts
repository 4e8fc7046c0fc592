import { cpSync, readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { loadConfig } from '../../../core/config/load.js';
import type { LanguageModel } from '../../../core/index.js';
import { loadPlugins } from '../../../core/plugins/load.js';
import { composeRun } from '../../../core/run/compose.js';
import { compose, floatsOf, readFixture, saveAdapter, withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { type ExpectedLlama, LLAMA } from '../../support/llama-fixture.js';
import { expectClose, relativeError } from '../../support/numbers.js';
import { askPython } from '../../support/python.js';
import { labelled } from '../../support/rows.js';
import { composeTestRun, EIGHT_ROWS, readSteps } from '../../support/runs.js';

const { rows, prompt } = readFixture<ExpectedLlama>('llama', 'expected.json');
const expected = readFixture<Record<string, string>>('adapters', 'expected.json');

function logitsOf(model: LanguageModel, sequences = rows.map(({ inputIds }) => inputIds)): Float32Array {
  const pass = { training: false, seed: 0, checkpointing: false };
  return tf.tidy(() =>
    model
      .logits(model.collate(sequences.map(labelled)), pass)
      .dataSync()
      .slice(),
  ) as Float32Array;
}

describe("an adapter of PEFT's that selects layers, ranks and alphas one by one", () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  const lora = (init: string) => ({ method: 'lora', init });

  for (const name of ['patterns', 'rslora-patterns', 'regex', 'layers', 'all-but']) {
    it(`computes what it computes in PEFT, and does so once it is saved again: ${name}`, async function () {
      this.timeout(300_000);
      const wanted = floatsOf(expected[name]);
      const base = await withModel({ model: LLAMA }, (model) => logitsOf(model));
      expect(relativeError(wanted, base), 'the adapter does something').to.be.above(0.01);
      const adapter = lora(fixture('adapters', name));
      const sites = await withModel({ model: LLAMA, adapter }, async (model, run) => {
        expectClose(logitsOf(model), wanted, 1e-4, 'logits');
        await saveAdapter(run, model, folder.path);
        return [...model.trainable.keys()];
      });
      await withModel({ model: LLAMA, adapter: lora(folder.path) }, (model) => {
        expect([...model.trainable.keys()]).to.deep.equal(sites);
        expectClose(logitsOf(model), wanted, 1e-4, 'logits once it is saved again');
      });

      const found = askPython<number[][]>(
        'plugins/adapters/load_with_peft.py',
        [LLAMA.path, folder.path],
        prompt,
      );
      if ('missing' in found) {
        console.log(`      not asked of PEFT: ${found.missing} (EVOLVE_PYTHON names a Python that has peft)`);
        return;
      }
      const ours = await withModel({ model: LLAMA, adapter }, (model) => logitsOf(model, [[...prompt]]));
      expectClose(ours, found.answer.flat(), 1e-4, 'logits in PEFT');
    });
  }

  for (const name of ['patterns', 'rslora-patterns', 'regex', 'layers', 'all-but']) {
    it(`starts a run, whose config.yaml does it again: ${name}`, async function () {
      this.timeout(300_000);
      const output = folder.join('run');
      const data = folder.write('rows.json', EIGHT_ROWS);
      const values = { output, data, train: { maxSteps: 1 } };
      const first = await composeTestRun({
        ...values,
        adapter: lora(fixture('adapters', name)),
      });
      await first.trainer.run();
      const [{ loss }] = readSteps(output);
      const { config, locate } = await loadConfig(folder.join('run', 'config.yaml'), {
        output: folder.join('again'),
      });
      const plugins = await loadPlugins(config, locate, { trackers: ['metrics'] });
      await composeRun(config, plugins).trainer.run();
      expect(readSteps(folder.join('again'))[0].loss).to.equal(loss);
    });
  }

  it('is refused where a pattern is none, or it selects nothing', async () => {
    cpSync(fixture('adapters', 'regex'), folder.path, { recursive: true });
    const config = JSON.parse(readFileSync(folder.join('adapter_config.json'), 'utf8')) as object;
    const pretend = (values: object) =>
      folder.write('adapter_config.json', JSON.stringify({ ...config, ...values }));
    pretend({ target_modules: '.*(q_proj' });
    const use = () => compose({ model: LLAMA, adapter: lora(folder.path) });
    await expectError(use, 'PLUGIN_INVALID', 'adapter_config.json', '.*(q_proj');
    pretend({ target_modules: '.*query' });
    const load = () => withModel({ model: LLAMA, adapter: lora(folder.path) }, () => {});
    await expectError(load, 'TARGET_MODULES', 'matches .*query', 'q_proj');
    pretend({ target_modules: '((.*)*)*query' });
    await expectError(load, 'ADAPTER_INVALID', '((.*)*)*query', 'takes too long');
    pretend({ rank_pattern: { q_proj: 0 } });
    await expectError(use, 'PLUGIN_INVALID', 'rank_pattern.q_proj is 0');
  });
});
