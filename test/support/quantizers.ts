import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { LanguageModel } from '../../core/index.js';
import { withModel } from './compose.js';
import { expectError } from './errors.js';
import { fixture, TemporaryFolder } from './files.js';
import { LLAMA, PEFT_ADAPTER } from './llama-fixture.js';
import { labelled } from './rows.js';

/** In which types the weights of a model are stored: those of its layers, and the output's. */
export function storagesOf(model: LanguageModel): { layers: string[]; output: string[] } {
  const stored = (isOutput: boolean) => [
    ...new Set(model.linears.filter((site) => site.isOutput === isOutput).map((site) => site.weight.storage)),
  ];
  return { layers: stored(false), output: stored(true) };
}

/** Through the weights of a quantizer every parameter of an adapter must get a gradient. */
export function expectGradientsOfAdapter(quantizer: string): Promise<void> {
  return withModel({ model: LLAMA, quantizer, adapter: PEFT_ADAPTER }, (model) => {
    const ids = Int32Array.from([1, 301, 274, 277, 288]);
    const batch = model.collate([labelled(ids)]);
    const pass = { training: true, seed: 0, checkpointing: false };
    const { value, grads } = tf.variableGrads(
      () => model.crossEntropy(batch, pass),
      [...model.trainable.values()],
    );
    for (const [name, variable] of model.trainable) {
      const size = tf.tidy(() => tf.norm(grads[variable.name]).dataSync()[0]);
      expect(size, name).to.be.above(1e-3);
    }
    tf.dispose([value, grads]);
  });
}

/** A checkpoint with an infinite number must be refused, with the tensor and the row. */
export async function expectNotFiniteRefused(quantizer: string): Promise<void> {
  const folder = new TemporaryFolder();
  try {
    cpSync(fixture('llama'), folder.path, { recursive: true });
    const file = folder.join('model.safetensors');
    const bytes = readFileSync(file);
    const length = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
    const name = 'model.layers.1.mlp.up_proj.weight';
    const at = 8 + length + header[name].data_offsets[0] + 4 * (3 * 32 + 7);
    bytes.writeFloatLE(Number.POSITIVE_INFINITY, at);
    writeFileSync(file, bytes);
    const load = () => withModel({ model: { path: folder.path }, quantizer }, () => {});
    await expectError(load, 'CHECKPOINT_INVALID', folder.path, name, 'row 3 holds Infinity');
  } finally {
    folder.remove();
  }
}
