import { cpSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { LanguageModel, TensorToWrite } from '../../../core/index.js';
import { readTensors } from '../../support/checkpoints.js';
import { compose, saveAdapter, withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { LLAMA } from '../../support/llama-fixture.js';
import { expectClose } from '../../support/numbers.js';
import { labelled } from '../../support/rows.js';

const PASS = { training: false, seed: 0, checkpointing: false };
const TIED = { path: fixture('llama-tied') };
const LORA = { method: 'lora', r: 2, alpha: 4, targetModules: ['q_proj', 'lm_head'] };
const COPY = 'base_model.model.lm_head.base_layer.weight';

const logitsOf = (model: LanguageModel): Float32Array =>
  tf.tidy(() =>
    model
      .logits(model.collate([labelled(Int32Array.of(1, 5, 9, 20))]), PASS)
      .dataSync()
      .slice(),
  ) as Float32Array;

describe('LoRA on the output layer', () => {
  let folder: TemporaryFolder;
  let wanted: Float32Array;
  beforeEach(async () => {
    folder = new TemporaryFolder();
    folder.write('adapter/place', '');
    wanted = await withModel({ model: LLAMA, adapter: LORA }, async (model, run) => {
      for (const variable of model.trainable.values()) {
        const values = tf.fill(variable.shape, 0.1);
        variable.assign(values);
        values.dispose();
      }
      await saveAdapter(run, model, folder.join('adapter'));
      return logitsOf(model);
    });
  });
  afterEach(() => folder.remove());

  /** Adds the copy that PEFT saves, with some of its numbers changed. */
  async function withCopy(change: (values: Float32Array) => TensorToWrite): Promise<string> {
    const place = folder.join('with-copy');
    cpSync(folder.join('adapter'), place, { recursive: true });
    const file = path.join(place, 'adapter_model.safetensors');
    const base = await readTensors(LLAMA.path, ['lm_head.weight']);
    const tensors = new Map<string, TensorToWrite>();
    for (const [name, { shape, values }] of Object.entries(await readTensors(file)))
      tensors.set(name, { shape, values: Float32Array.from(values) });
    tensors.set(COPY, change(Float32Array.from(base['lm_head.weight'].values)));
    await (await compose()).hooks.writeCheckpoint.promise({ path: file, tensors });
    return place;
  }
  const load = (init: string, model: object = LLAMA) =>
    withModel({ model, adapter: { method: 'lora', init } }, logitsOf);

  it('is read as PEFT saves it, with a copy of the base layer, in any type', async () => {
    for (const type of ['f32', 'bf16'] as const) {
      const init = await withCopy((values) => ({ shape: [values.length / 32, 32], values, type }));
      expectClose(await load(init), wanted, 1e-6, `logits, the copy in ${type}`);
    }
  });

  it('is refused where the copy is of another model', async () => {
    const other = await withCopy((values) => {
      values[5] += 1;
      return { shape: [values.length / 32, 32], values };
    });
    await expectError(() => load(other), 'ADAPTER_INVALID', COPY, 'other numbers than the base model');
    const larger = await withCopy((values) => ({ shape: [1, 32], values: values.slice(0, 32) }));
    await expectError(() => load(larger), 'ADAPTER_INVALID', COPY, 'a vocabulary of another size');
  });

  it('is refused before training where the layer is tied, whether it is new or read', async () => {
    const fresh = () => withModel({ model: TIED, adapter: LORA }, logitsOf);
    const message = 'lm_head is tied to model.embed_tokens';
    const error = await expectError(
      fresh,
      'TARGET_MODULES',
      message,
      'Leave lm_head out of adapter.targetModules',
    );
    expect(error.at).to.deep.equal(['adapter', 'targetModules']);
    await expectError(
      () => load(folder.join('adapter'), TIED),
      'TARGET_MODULES',
      message,
      'Untie the base model',
    );
    await withModel({ model: TIED, adapter: { ...LORA, targetModules: 'all-linear' } }, logitsOf);
  });
});
