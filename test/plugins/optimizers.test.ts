import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { Optimizer } from '../../core/contracts/optimizer.js';
import type { Plugin } from '../../core/plugins/plugin.js';
import adamw from '../../plugins/optimizers/adamw/index.js';
import lion from '../../plugins/optimizers/lion/index.js';
import sgd from '../../plugins/optimizers/sgd/index.js';
import { describeFamily } from '../contracts/family.js';
import { describeOptimizer } from '../contracts/optimizer.js';
import { expectClose } from '../support/numbers.js';
import { type ApplyOptions, applyAlone } from '../support/plugins.js';

describeFamily('optimizers', describeOptimizer, [
  ['adamw', {}],
  ['adamw', { options: { beta1: 0.5, beta2: 0.9, epsilon: 1e-4 } }],
  ['lion', {}],
  ['sgd', {}],
  ['sgd', { options: { momentum: 0.9 } }],
  ['my-lion', {}, 'lion.ts'],
]);

/** The values of one matrix after updates by these gradients, from [1, −2, 0.5]. */
async function updated(
  plugin: Plugin,
  gradients: readonly number[][],
  {
    weightDecay = 0,
    gradientScale = 1,
    learningRate = 0.1,
    ...applied
  }: ApplyOptions & Partial<Record<'weightDecay' | 'gradientScale' | 'learningRate', number>> = {},
): Promise<number[]> {
  const w = tf.tidy(() => tf.variable(tf.tensor([[1, -2, 0.5]])));
  const { hooks } = applyAlone(plugin, applied);
  const variables = new Map([['w', w]]);
  const optimizer = (await hooks.makeOptimizer.promise({ variables, weightDecay })) as Optimizer;
  for (const gradient of gradients) {
    const tensor = tf.tensor([gradient]);
    optimizer.update(new Map([['w', tensor]]), { learningRate, gradientScale });
    tensor.dispose();
  }
  const values = [...w.dataSync()];
  optimizer.dispose();
  w.dispose();
  return values;
}

describe('adamw', () => {
  const plugin = adamw as Plugin;

  it('takes a first step of the learning rate against the sign, apart from the decay', async () => {
    // AdamW's first update is the sign of the gradient; the decay is 1 − 0.1 · 0.5.
    expectClose(
      await updated(plugin, [[3, -0.01, 0]], { weightDecay: 0.5 }),
      [0.95 - 0.1, -1.9 + 0.1, 0.475],
      1e-5,
    );
  });

  it('corrects the means by the number of its updates', async () => {
    // Under a constant gradient each corrected update is a full step.
    expectClose(await updated(plugin, Array(4).fill([2, 2, -2])), [0.6, -2.4, 0.9], 1e-5);
  });

  it('keeps two tensors a variable, and frees them; then it takes no more updates', async () => {
    const w = tf.tidy(() => tf.variable(tf.tensor([[1, 2]])));
    const gradients = new Map([['w', tf.tensor([[1, 2]])]]);
    const before = tf.memory();
    const request = { variables: new Map([['w', w]]), weightDecay: 0 };
    const optimizer = (await applyAlone(plugin).hooks.makeOptimizer.promise(request)) as Optimizer;
    const update = () => optimizer.update(gradients, { learningRate: 0.1, gradientScale: 1 });
    for (let i = 0; i < 3; i++) {
      expect(tf.memory().numTensors - before.numTensors).to.equal(2);
      update();
    }
    optimizer.dispose();
    expect(() => update()).to.throw('"w"');
    expect(tf.memory().numTensors).to.equal(before.numTensors);
    expect(tf.memory().numBytes).to.equal(before.numBytes);
    tf.dispose([w, ...gradients.values()]);
  });

  it('takes its betas from train.adamBeta1 and train.adamBeta2, and own ones before them', async () => {
    const gradients = [
      [3, 1, -4],
      [0.3, 0.1, -0.2],
    ];
    const own = await updated(plugin, gradients, { options: { beta1: 0.5, beta2: 0.6 } });
    expect(await updated(plugin, gradients, { train: { adamBeta1: 0.5, adamBeta2: 0.6 } })).to.deep.equal(
      own,
    );
    const train = { adamBeta1: 0.1, adamBeta2: 0.2 };
    expect(await updated(plugin, gradients, { train, options: { beta1: 0.5, beta2: 0.6 } })).to.deep.equal(
      own,
    );
    expect(await updated(plugin, gradients)).to.not.deep.equal(own);
  });
});

describe('sgd', () => {
  const plugin = sgd as Plugin;

  it('is torch.optim.SGD: with momentum v = m v + g, with weight decay g + decay w', async () => {
    // By hand: w = 1, g = 0.5 twice. v = 0.5, then 0.9 · 0.5 + 0.5 = 0.95.
    const twice = Array(2).fill([0.5, 0, 0]);
    expectClose(
      await updated(plugin, twice, { options: { momentum: 0.9 } }),
      [1 - 0.05 - 0.095, -2, 0.5],
      1e-6,
    );
    expectClose(await updated(plugin, twice), [0.9, -2, 0.5], 1e-6);
    expectClose(await updated(plugin, [[0, 0, 0]], { weightDecay: 0.5 }), [0.95, -1.9, 0.475], 1e-6);
  });
});

describe('lion', () => {
  const plugin = lion as Plugin;

  it('steps by the sign of a blend of mean and gradient', async () => {
    expectClose(await updated(plugin, [[3, -0.01, 0]]), [0.9, -1.9, 0.5], 1e-6);
    // By hand: m = 0.01 · 1 after the first; 0.9 · 0.01 − 0.1 · 0.05 is above 0, 0.9 · 0.01 − 0.1 · 0.2 below.
    const second = (gradient: number) =>
      updated(plugin, [
        [1, 0, 0],
        [gradient, 0, 0],
      ]);
    expect((await second(-0.05))[0]).to.be.closeTo(0.8, 1e-6);
    expect((await second(-0.2))[0]).to.be.closeTo(1, 1e-6);
  });

  it('decays apart from the step', async () => {
    expectClose(await updated(plugin, [[3, -1, 0]], { weightDecay: 0.5 }), [0.85, -1.8, 0.475], 1e-6);
  });
});
