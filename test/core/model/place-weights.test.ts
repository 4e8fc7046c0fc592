import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { Device } from '../../../core/contracts/device.js';
import type { FrozenWeight } from '../../../core/ops/frozen-weight.js';
import { definePlugin, type Plugin } from '../../../core/plugins/plugin.js';
import { compose } from '../../support/compose.js';
import { TemporaryFolder } from '../../support/files.js';
import { LLAMA, PEFT_ADAPTER } from '../../support/llama-fixture.js';
import { labelled } from '../../support/rows.js';
import { EIGHT_ROWS } from '../../support/runs.js';

/** A device with memory of its own, of which the main memory is one: it counts what it holds. */
function separateDevice(): { plugin: Plugin; held: () => number; placed: string[] } {
  let held = 0;
  const placed: string[] = [];
  const take = (weight: FrozenWeight): FrozenWeight => {
    if (weight.storage.startsWith('on device')) return weight;
    held += weight.byteLength;
    const { shape, byteLength, compute } = weight;
    return {
      shape,
      byteLength,
      compute,
      storage: `on device, ${weight.storage}`,
      decode: (start, end, target) => weight.decode(start, end, target),
    };
  };
  const device: Device = {
    name: 'separate',
    backend: 'cpu',
    description: 'a device of a test',
    placeWeights(model) {
      const moved = new Map<FrozenWeight, FrozenWeight>();
      for (const site of [...model.embeddings, ...model.linears]) {
        const { weight } = site;
        if (!moved.has(weight)) moved.set(weight, take(weight));
        site.weight = moved.get(weight) as FrozenWeight;
        placed.push(`${site.name} ${weight.storage}`);
      }
      return () => {
        held = 0;
      };
    },
  };
  const plugin = definePlugin({
    name: 'separate',
    apiVersion: 2,
    apply({ hooks }) {
      hooks.openDevice.tap(
        async () => {
          await tf.setBackend('cpu');
          return device;
        },
        { stage: -1 },
      );
    },
  }) as Plugin;
  return { plugin, held: () => held, placed };
}

describe('a device that takes weights to itself', () => {
  it('gets them quantized, with adapters in place; the model computes the same with them, and frees them', async () => {
    const { plugin, held, placed } = separateDevice();
    const values = { model: LLAMA, quantizer: 'int8', adapter: PEFT_ADAPTER, device: 'portable' };
    const logitsOf = async (further: Plugin[]) => {
      const { assembler } = await compose(
        { ...values, device: { name: 'portable', backend: 'cpu' } },
        { further },
      );
      await assembler.openDevice();
      const { model, dispose } = await assembler.assemble();
      const ids = Int32Array.from([1, 301, 274, 277, 288]);
      const pass = { training: false, seed: 0, checkpointing: false };
      const logits = tf.tidy(() =>
        model
          .logits(model.collate([labelled(ids)]), pass)
          .dataSync()
          .slice(),
      );
      const during = held();
      dispose();
      return { logits, during };
    };
    const plain = await logitsOf([]);
    expect(plain.during).to.equal(0);
    const moved = await logitsOf([plugin]);
    expect(moved.logits).to.deep.equal(plain.logits);
    expect(moved.during).to.be.above(0);
    expect(held()).to.equal(0);
    const stored = placed.filter((line) => line.includes('q_proj'));
    expect(stored).to.not.be.empty;
    for (const line of stored) expect(line).to.match(/ int8$/);
  });

  it('is asked in a run too, and frees them at its end', async () => {
    const folder = new TemporaryFolder();
    try {
      const { plugin, held, placed } = separateDevice();
      const run = await compose(
        {
          model: LLAMA,
          data: {
            sources: [{ path: folder.write('rows.json', EIGHT_ROWS), format: 'alpaca' }],
            cutoffLength: 256,
          },
          train: { maxSteps: 1, warmupSteps: 0, perDeviceBatchSize: 2, gradientAccumulationSteps: 1 },
          device: { name: 'portable', backend: 'cpu' },
          output: folder.join('run'),
        },
        { further: [plugin] },
      );
      const { device } = await run.trainer.run();
      expect(device).to.deep.equal({
        name: 'separate',
        backend: 'cpu',
        description: 'a device of a test',
        requested: 'portable',
      });
      expect(placed).to.not.be.empty;
      expect(held()).to.equal(0);
    } finally {
      folder.remove();
    }
  });
});
