import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { mergedTensors } from '../../../core/export/merged-tensors.js';
import { type LanguageModel, Random } from '../../../core/index.js';
import { readTensors } from '../../support/checkpoints.js';
import { compose, saveAdapter, withModel } from '../../support/compose.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { LLAMA } from '../../support/llama-fixture.js';
import { expectClose } from '../../support/numbers.js';
import { labelled } from '../../support/rows.js';

const [VOCABULARY, HIDDEN] = [340, 32];
const IDS = Int32Array.of(1, 5, 9, 20, 7);
const PASS = { training: false, seed: 0, checkpointing: false };
const PLUGINS = [fixture('plugins', 'conv1d.ts')];
const SHAPES: Readonly<Record<string, readonly number[]>> = {
  'wte.weight': [VOCABULARY, HIDDEN],
  'h.0.c_proj.weight': [HIDDEN, HIDDEN],
  'h.0.c_proj.bias': [HIDDEN],
  'h.0.c_fc.weight': [HIDDEN, 2 * HIDDEN],
  'h.0.c_down.weight': [2 * HIDDEN, HIDDEN],
  'lm_head.weight': [VOCABULARY, HIDDEN],
};

const logitsOf = (model: LanguageModel): Float32Array =>
  tf.tidy(() =>
    model
      .logits(model.collate([labelled(IDS)]), PASS)
      .dataSync()
      .slice(),
  ) as Float32Array;

describe('linear weights that the checkpoint keeps as [in, out], as GPT-2 does', () => {
  let folder: TemporaryFolder;
  let model: { path: string };
  const tensors = new Map<string, { shape: readonly number[]; values: Float32Array }>();

  before(async () => {
    folder = new TemporaryFolder();
    const random = new Random(7);
    for (const [name, shape] of Object.entries(SHAPES))
      tensors.set(name, { shape, values: random.normal(shape[0] * (shape[1] ?? 1), 0.2) });
    for (const name of ['tokenizer.json', 'tokenizer_config.json'])
      cpSync(path.join(LLAMA.path, name), folder.join('base', name));
    const config = { model_type: 'conv1d', vocab_size: VOCABULARY, n_embd: HIDDEN };
    folder.write('base/config.json', JSON.stringify(config));
    await write('base');
    model = { path: folder.join('base') };
  });
  after(() => folder.remove());

  async function write(name: string, written: Parameters<typeof writeTensors>[0] = tensors): Promise<void> {
    await writeTensors(written, folder.join(name, 'model.safetensors'));
  }
  async function writeTensors(written: ReturnType<typeof mergedTensors>, file: string): Promise<void> {
    const { hooks } = await compose();
    await hooks.writeCheckpoint.promise({ path: file, tensors: written });
  }
  const plain = async (name: string) =>
    Object.fromEntries(
      Object.entries(await readTensors(folder.join(name, 'model.safetensors'))).map(
        ([key, { shape, values }]) => [key, { shape, values }],
      ),
    );

  it('are computed with as x W + b', async () => {
    const expected = tf.tidy(() => {
      const matrix = (name: string) => {
        const { shape, values } = tensors.get(name)!;
        return tf.tensor2d(values, shape as [number, number]);
      };
      const bias = tf.tensor1d(tensors.get('h.0.c_proj.bias')!.values);
      const embedded = tf.gather(matrix('wte.weight'), tf.tensor1d(IDS, 'int32'));
      const x = tf.add(tf.matMul(embedded, matrix('h.0.c_proj.weight')), bias);
      const wide = tf.tanh(tf.matMul(x as tf.Tensor2D, matrix('h.0.c_fc.weight')));
      const y = tf.add(x, tf.matMul(wide as tf.Tensor2D, matrix('h.0.c_down.weight')));
      return tf.matMul(y as tf.Tensor2D, matrix('lm_head.weight'), false, true).dataSync();
    }) as Float32Array;
    const found = await withModel({ model, plugins: PLUGINS }, logitsOf);
    expectClose(found, expected, 1e-5, 'logits');
  });

  it('are merged and written as they were, square or not', async () => {
    const adapter = { method: 'lora', r: 2, alpha: 8 };
    const [base, adapted] = await withModel({ model, adapter, plugins: PLUGINS }, async (loaded, run) => {
      folder.write('same/place', '');
      await write('same', mergedTensors(loaded));
      const before = logitsOf(loaded);
      for (const [i, variable] of [...loaded.trainable.values()].entries()) {
        const values = tf.randomUniform(variable.shape, -0.3, 0.3, 'float32', i);
        variable.assign(values as tf.Tensor);
        values.dispose();
      }
      cpSync(folder.join('base'), folder.join('merged'), { recursive: true });
      await write('merged', mergedTensors(loaded));
      folder.write('adapter/place', '');
      await saveAdapter(run, loaded, folder.join('adapter'));
      return [before, logitsOf(loaded)];
    });
    expect(await plain('same')).to.deep.equal(await plain('base'));
    expect(Math.max(...adapted.map((value, i) => Math.abs(value - base[i])))).to.be.above(0.1);
    const merged = await withModel({ model: { path: folder.join('merged') }, plugins: PLUGINS }, logitsOf);
    expectClose(merged, adapted, 1e-5, 'logits of the merged model');
    const config = JSON.parse(readFileSync(folder.join('adapter', 'adapter_config.json'), 'utf8'));
    expect(config.fan_in_fan_out).to.equal(true);
    const init = { method: 'lora', init: folder.join('adapter') };
    const again = await withModel({ model, adapter: init, plugins: PLUGINS }, logitsOf);
    expectClose(again, adapted, 1e-6, 'logits with the adapter read again');
  });

  it('are saved by full training as they were', async () => {
    await withModel({ model, adapter: { method: 'full' }, plugins: PLUGINS }, async (loaded, run) => {
      folder.write('full/place', '');
      await saveAdapter(run, loaded, folder.join('full'));
    });
    expect(await plain('full')).to.deep.equal(await plain('base'));
  });
});
