import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { mix } from '../../../../../core/base/random.js';
import { dropout, dropoutMask } from '../../../../../core/ops/dropout.js';
import { gelu } from '../../../../../core/ops/gelu.js';
import { swiglu } from '../../../../../core/ops/swiglu.js';
import {
  describeNative,
  expectNotFinite,
  expectReference,
  onEachIsa,
  withGradients,
} from '../../../../support/native.js';
import { checkGradient, randomTensor } from '../../../../support/numbers.js';

/** None, less than a vector, a vector and one more, one more than a task takes. */
const SIZES = [0, 1, 3, 17, 1000, 16384 + 1];
/** How far inputs reach: the middle of the curves, their ends, and where e^x overflows. */
const REACHES = [1, 8, 300];
const TOLERANCE = 2e-6;

const gate = ({ gate, up }: Record<string, tf.Tensor>) => swiglu(gate as tf.Tensor2D, up as tf.Tensor2D);

describeNative('native gates', () => {
  for (const size of SIZES) {
    for (const reach of REACHES) {
      // The first one is positive: of negative ones alone little is left but rounding.
      const inputOf = (seed: number) => tf.mul(randomTensor<tf.Rank.R2>([1, size], seed), reach);

      it(`SwiGLU of ${size} numbers up to ${reach}`, () =>
        expectReference(TOLERANCE, () => withGradients({ gate: inputOf(4), up: inputOf(2) }, gate)));

      it(`GELU of ${size} numbers up to ${reach}`, () =>
        expectReference(TOLERANCE, () => withGradients({ x: inputOf(4) }, ({ x }) => gelu(x))));
    }

    for (const rate of [0.05, 0.5, 0.9]) {
      it(`dropout of ${size} numbers at rate ${rate}, to the bit`, () =>
        expectReference(0, () =>
          withGradients({ x: randomTensor([size], 1) }, ({ x }) => dropout(x, rate, 0xfedcba98)),
        ));
    }
  }

  it('drops by the very border that core/ops/dropout.ts gives', () =>
    onEachIsa((isa) => {
      for (const index of [0, 5, 20]) {
        const hash = mix(7 ^ mix(index));
        // Kept at the first rate, dropped at the second: they are half a step of the hash apart.
        for (const rate of [hash / 2 ** 32, (hash + 0.5) / 2 ** 32]) {
          const mask = tf.tidy(() => dropout(tf.ones([21]), rate, 7).dataSync());
          expect(mask, `rate ${rate} on ${isa}`).to.deep.equal(dropoutMask(21, rate, 7));
        }
      }
    }));

  it('have the gradients that finite differences show', () =>
    onEachIsa(() => {
      tf.tidy(() => {
        const inputs = [randomTensor([3, 7], 1), randomTensor([3, 7], 2)];
        checkGradient((g, up) => swiglu(g as tf.Tensor2D, up as tf.Tensor2D), inputs);
        checkGradient((x) => gelu(x), [inputs[0]]);
        checkGradient((x) => dropout(x, 0.4, 9), [inputs[0]]);
      });
    }));

  it('make no numbers of what is none', async () => {
    const inputs = () => ({ gate: randomTensor([3, 7], 1), up: randomTensor([3, 7], 2) });
    const x = () => ({ x: randomTensor([3, 7], 1) });
    await expectNotFinite(inputs, (all) => withGradients(all, gate));
    await expectNotFinite(x, (all) => withGradients(all, ({ x }) => gelu(x)));
    await expectNotFinite(x, (all) => ({ y: dropout(all.x, 0.5, 1) }));
  });
});
