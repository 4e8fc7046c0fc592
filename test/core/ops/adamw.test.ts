import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { Random } from '../../../core/base/random.js';
import { type AdamWOptions, type AdamWState, adamw } from '../../../core/ops/adamw.js';
import { forEachBackend } from '../../support/backends.js';
import { expectClose, randomTensor } from '../../support/numbers.js';

type Settings = Omit<AdamWOptions, 'step'>;

const SETTINGS: Settings = {
  learningRate: 0.05,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
  gradientScale: 1,
};

/** torch.optim.AdamW, number by number. */
function reference(parameter: ArrayLike<number>, gradients: readonly Float32Array[], settings: Settings) {
  const { learningRate, beta1, beta2, epsilon, weightDecay, gradientScale } = settings;
  return Array.from(parameter, (start, i) => {
    let [w, m, v] = [start, 0, 0];
    for (const [at, gradient] of gradients.entries()) {
      const g = gradient[i] * gradientScale;
      w -= learningRate * weightDecay * w;
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g * g;
      const mHat = m / (1 - beta1 ** (at + 1));
      const vHat = v / (1 - beta2 ** (at + 1));
      w -= (learningRate * mHat) / (Math.sqrt(vHat) + epsilon);
    }
    return w;
  });
}

/** Plain numbers after one update by each gradient. */
function descend(parameter: tf.Tensor, gradients: readonly Float32Array[], settings: Settings): Float32Array {
  return tf.tidy(() => {
    let values = [parameter];
    let states: AdamWState[] = [{ mean: tf.zerosLike(parameter), square: tf.zerosLike(parameter) }];
    for (const [at, gradient] of gradients.entries()) {
      const options = { ...settings, step: at + 1 };
      ({ values, states } = adamw(values, [tf.tensor(gradient, parameter.shape)], states, options));
    }
    return values[0].dataSync() as Float32Array;
  });
}

describe('adamw', () => {
  forEachBackend(() => {
    for (const [what, changed] of Object.entries({
      plainly: {},
      'with weight decay': { weightDecay: 0.1 },
      'with clipped gradients and an epsilon that matters': { gradientScale: 0.01, epsilon: 0.01 },
      'with other means': { beta1: 0.5, beta2: 0.8, weightDecay: 0.3 },
    })) {
      it(`updates ${what} as the reference over six steps`, () => {
        const settings = { ...SETTINGS, ...changed };
        const random = new Random(1);
        const gradients = Array.from({ length: 6 }, () => random.uniform(15, -1, 1));
        tf.tidy(() => {
          const parameter = randomTensor([3, 5], 2);
          const actual = descend(parameter, gradients, settings);
          expectClose(actual, reference(parameter.dataSync(), gradients, settings), 1e-5);
        });
      });
    }

    it('leaves the parameter where gradient and decay are 0', () => {
      tf.tidy(() => {
        const parameter = randomTensor([4], 2);
        expect(descend(parameter, [new Float32Array(4)], SETTINGS)).to.deep.equal(parameter.dataSync());
      });
    });

    const stateOf = (shape: [number, number], seed: number): AdamWState => ({
      mean: randomTensor(shape, seed),
      square: tf.square(randomTensor(shape, seed + 1)),
    });
    const OPTIONS = { ...SETTINGS, weightDecay: 0.1, step: 3 };

    it('updates every parameter as it would alone', () => {
      tf.tidy(() => {
        const shapes: [number, number][] = [
          [2, 3],
          [1, 4],
          [2, 2],
        ];
        const [parameters, gradients] = [1, 20].map((seed) =>
          shapes.map((shape, i) => randomTensor(shape, seed + i)),
        );
        const states = shapes.map((shape, i) => stateOf(shape, 40 + 2 * i));
        const together = adamw(parameters, gradients, states, OPTIONS);
        for (const i of shapes.keys()) {
          const alone = adamw([parameters[i]], [gradients[i]], [states[i]], OPTIONS);
          expect(together.values[i].arraySync()).to.deep.equal(alone.values[0].arraySync());
          expect(together.states[i].mean.arraySync()).to.deep.equal(alone.states[0].mean.arraySync());
          expect(together.states[i].square.arraySync()).to.deep.equal(alone.states[0].square.arraySync());
        }
      });
    });

    it('makes three tensors a parameter, and changes or disposes none', () => {
      tf.tidy(() => {
        const [parameter, gradient] = [randomTensor([2, 3], 1), randomTensor([2, 3], 2)];
        const state = stateOf([2, 3], 3);
        const given = [parameter, gradient, state.mean, state.square];
        const before = given.map((tensor) => [...tensor.dataSync()]);
        const count = tf.memory().numTensors;
        adamw([parameter], [gradient], [state], OPTIONS);
        expect(tf.memory().numTensors - count).to.equal(3);
        expect(given.map((tensor) => [...tensor.dataSync()])).to.deep.equal(before);
      });
    });

    it('refuses gradients of another shape or number', () => {
      tf.tidy(() => {
        const state = { mean: tf.zeros([3]), square: tf.zeros([3]) };
        const call = (gradients: tf.Tensor[]) => () => adamw([tf.ones([3])], gradients, [state], OPTIONS);
        expect(call([tf.ones([2])])).to.throw(RangeError, 'gradients [2] do not fit parameters [3]');
        expect(call([])).to.throw(RangeError, 'gradients  do not fit');
      });
    });
  });
});
