import * as tf from '@tensorflow/tfjs';
import { type AdamWOptions, adamw } from '../../../../../core/ops/adamw.js';
import { globalNorm } from '../../../../../core/ops/global-norm.js';
import {
  describeNative,
  expectNotFinite,
  expectReference,
  type Results,
} from '../../../../support/native.js';
import { randomTensor } from '../../../../support/numbers.js';

/** Of several parameters; more than a task takes among them. */
const SIZES = [1, 3, 17, 16384 + 1, 40000];
const TOLERANCE = 5e-7;

const OPTIONS: AdamWOptions = {
  learningRate: 3e-4,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.1,
  step: 1,
  gradientScale: 0.37,
};

type Inputs = Record<'value' | 'gradient' | 'mean' | 'square', tf.Tensor>;

const inputsOf = (size: number): Inputs => ({
  value: randomTensor([size], 1),
  gradient: randomTensor([size], 2),
  mean: tf.mul(randomTensor([size], 3), 0.1),
  square: tf.square(randomTensor([size], 4)),
});

/** What an update changes, as a part of the learning rate, and the new states. */
function update(all: readonly Inputs[], options: AdamWOptions): Results {
  const { values, states } = adamw(
    all.map(({ value }) => value),
    all.map(({ gradient }) => gradient),
    all.map(({ mean, square }) => ({ mean, square })),
    options,
  );
  return Object.fromEntries(
    values.flatMap((value, i) => [
      [`value ${i}`, value],
      [`mean ${i}`, states[i].mean],
      [`square ${i}`, states[i].square],
    ]),
  );
}

describeNative('native AdamW', () => {
  for (const further of [{}, { step: 1000 }, { weightDecay: 0, gradientScale: 1 }, { learningRate: 0 }]) {
    it(`as the composed form: ${JSON.stringify(further)}`, () =>
      expectReference(TOLERANCE, () => update(SIZES.map(inputsOf), { ...OPTIONS, ...further })));
  }

  it('is right to the last digits from the first step on, where a gradient is all there is', () =>
    expectReference(TOLERANCE, () => {
      const gradient = randomTensor([1000], 2);
      const zeros = tf.zeros([1000]);
      return update([{ value: zeros, gradient, mean: zeros, square: zeros }], {
        ...OPTIONS,
        learningRate: 1,
      });
    }));

  it('changes none of its inputs', () =>
    expectReference(0, () => {
      const inputs = inputsOf(100);
      tf.dispose(update([inputs], OPTIONS));
      return inputs;
    }));

  it('makes no numbers of what is none', () =>
    expectNotFinite(
      () => inputsOf(19),
      (inputs) => update([inputs], OPTIONS),
    ));
});

describeNative('native norm of all gradients', () => {
  for (const sizes of [[1], [3, 17], SIZES]) {
    it(`of ${sizes} numbers`, () =>
      expectReference(1e-6, () => ({ norm: globalNorm(sizes.map((size) => randomTensor([size], size))) })));
  }

  it('makes no number of what is none', () =>
    expectNotFinite(
      () => ({ a: randomTensor([19], 1), b: randomTensor([1], 1) }),
      ({ a, b }) => ({ norm: globalNorm([a, b]) }),
    ));
});
