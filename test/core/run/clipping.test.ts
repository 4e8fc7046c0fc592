import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { Optimizer } from '../../../core/index.js';
import { definePlugin, type Plugin } from '../../../core/plugins/plugin.js';
import { TemporaryFolder } from '../../support/files.js';
import { composeTestRun, EIGHT_ROWS, readSteps } from '../../support/runs.js';

describe('train.maxGradNorm', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  /** Of each step of a run the norm that is told, and that of the gradients as the optimizer is to take them. */
  const normsWith = async (maxGradNorm: number) => {
    const taken: { scale: number; norm: number }[] = [];
    const recorder: Optimizer = {
      update(gradients, { gradientScale: scale }) {
        const norms = Array.from(gradients.values(), (gradient) =>
          tf.tidy(() => tf.norm(gradient).dataSync()[0]),
        );
        taken.push({ scale, norm: scale * Math.hypot(...norms) });
      },
      state: () => ({ numbers: {}, tensors: new Map() }),
      restore() {},
      dispose() {},
    };
    const recording = definePlugin({
      name: 'recording',
      apiVersion: 2,
      apply({ hooks }) {
        hooks.makeOptimizer.tap(() => recorder, { stage: -1 });
      },
    }) as Plugin;
    const output = folder.join(`run-${maxGradNorm}`);
    const data = folder.write('rows.json', EIGHT_ROWS);
    await (
      await composeTestRun({ output, data, train: { maxSteps: 2, maxGradNorm } }, [recording])
    ).trainer.run();
    return { taken, told: readSteps(output).map(({ gradNorm }) => gradNorm) };
  };

  it('is the norm that larger gradients are scaled down to; smaller ones are left', async () => {
    const free = await normsWith(1e9);
    expect(free.taken).to.have.lengthOf(2);
    for (const [i, { scale, norm }] of free.taken.entries()) {
      expect(scale).to.equal(1);
      expect(norm).to.be.closeTo(free.told[i], 1e-4 * free.told[i]);
    }
    const most = Math.min(...free.told) / 10;
    const clipped = await normsWith(most);
    expect(clipped.taken).to.have.lengthOf(2);
    for (const { norm } of clipped.taken) expect(norm).to.be.closeTo(most, 1e-4 * most);
    // What is told is the norm before.
    expect(Math.min(...clipped.told)).to.be.above(most);
  });
});
