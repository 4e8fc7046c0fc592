import * as tf from '@tensorflow/tfjs';
import { Random } from '../../../../../core/base/random.js';
import {
  type RotaryForm,
  rotary,
  rotaryAngles,
  twoDimensionalRotaryAngles,
} from '../../../../../core/ops/rotary.js';
import {
  describeNative,
  expectNotFinite,
  expectReference,
  withGradients,
} from '../../../../support/native.js';
import { randomTensor } from '../../../../support/numbers.js';

/** `[tokens, heads, headDim]`: no token, one, one more than a task takes. */
const SHAPES: [number, number, number][] = [
  [0, 2, 8],
  [1, 1, 4],
  [3, 2, 20],
  [17, 3, 32],
  [40, 1, 64],
  [5, 2, 128],
];
/** The products are few, but which of them is rounded first is the compiler's choice. */
const TOLERANCE = 2e-7;

function turned(form: RotaryForm, x: tf.Tensor): tf.Tensor {
  const [tokens, , headDim] = x.shape;
  const positions = (seed: number) => new Random(seed).permutation(tokens);
  const frequencies = (count: number) => Float64Array.from({ length: count }, (_, i) => 0.7 ** i);
  const angles =
    form === 'twoDimensional'
      ? twoDimensionalRotaryAngles(positions(1), positions(2), frequencies(headDim / 4))
      : rotaryAngles(positions(1), frequencies(headDim / 2));
  return rotary(x as tf.Tensor3D, angles, form);
}

describeNative('native rotary embedding', () => {
  for (const form of ['half', 'twoDimensional', 'interleaved'] as const) {
    for (const shape of SHAPES) {
      it(`${form}, [${shape}]`, () =>
        expectReference(TOLERANCE, () =>
          withGradients({ x: randomTensor(shape, 1) }, ({ x }) => turned(form, x)),
        ));
    }

    it(`${form} makes no numbers of what is none`, () =>
      expectNotFinite(
        () => ({ x: randomTensor([3, 2, 8], 1) }),
        ({ x }) => ({ y: turned(form, x) }),
      ));
  }

  it('makes no numbers of angles that are none', () =>
    expectNotFinite(
      () => ({ cos: randomTensor<tf.Rank.R2>([3, 4], 1), sin: randomTensor<tf.Rank.R2>([3, 4], 2) }),
      (angles) => ({ y: rotary(tf.ones([3, 2, 8]), angles) }),
    ));
});
