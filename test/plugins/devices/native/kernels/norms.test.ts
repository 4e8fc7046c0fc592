import * as tf from '@tensorflow/tfjs';
import { layerNorm } from '../../../../../core/ops/layer-norm.js';
import { rmsNorm } from '../../../../../core/ops/rms-norm.js';
import {
  describeNative,
  expectNotFinite,
  expectReference,
  onEachIsa,
  withGradients,
} from '../../../../support/native.js';
import { checkGradient, randomTensor } from '../../../../support/numbers.js';

/** `[rows, columns]`: none, one, less and more than a vector, more rows than one task takes. */
const SHAPES: [number, number][] = [
  [0, 5],
  [1, 1],
  [1, 3],
  [5, 17],
  [64, 16],
  [65, 33],
  [200, 7],
  [3, 576],
];
const TOLERANCE = 2e-6;
const EPSILON = 1e-5;

type Inputs = Record<string, tf.Tensor>;
const rms = ({ x, weight }: Inputs) => rmsNorm(x as tf.Tensor2D, weight as tf.Tensor1D, EPSILON);
const layer = ({ x, weight, bias }: Inputs) =>
  layerNorm(x as tf.Tensor2D, weight as tf.Tensor1D, bias as tf.Tensor1D, EPSILON);

/** With a mean that is not 0, which the layer norm has to take off. */
const rows = ([count, columns]: [number, number]) => tf.add(randomTensor([count, columns], 1), 0.5);
const forRms = (shape: [number, number]) => ({ x: rows(shape), weight: randomTensor([shape[1]], 2) });
const forLayer = (shape: [number, number]) => ({ ...forRms(shape), bias: randomTensor([shape[1]], 3) });

describeNative('native norms', () => {
  for (const shape of SHAPES) {
    // A row of one is its own size and mean: what is left of its gradient is rounding.
    if (shape[1] === 1) {
      it(`both of [${shape}]`, () =>
        expectReference(TOLERANCE, () => ({ rms: rms(forRms(shape)), layer: layer(forLayer(shape)) })));
      continue;
    }

    it(`RMS norm of [${shape}]`, () => expectReference(TOLERANCE, () => withGradients(forRms(shape), rms)));

    it(`RMS norm of [${shape}], its weight frozen`, () =>
      expectReference(TOLERANCE, () => {
        const { x, weight } = forRms(shape);
        return withGradients({ x }, ({ x }) => rms({ x, weight }));
      }));

    it(`layer norm of [${shape}]`, () =>
      expectReference(TOLERANCE, () => withGradients(forLayer(shape), layer)));
  }

  it('layer norm of rows far from 0 loses no more digits than the reference', () =>
    expectReference(1e-5, () => {
      const { x, weight, bias } = forLayer([5, 100]);
      return { y: layer({ x: tf.add(x, 100), weight, bias }) };
    }));

  it('have the gradients that finite differences show', () =>
    onEachIsa(() => {
      tf.tidy(() => {
        const { x, weight, bias } = forLayer([3, 19]);
        checkGradient((x, weight) => rms({ x, weight }), [x, weight]);
        checkGradient((x, weight, bias) => layer({ x, weight, bias }), [x, weight, bias]);
      });
    }));

  it('make no numbers of what is none', async () => {
    await expectNotFinite(
      () => forRms([3, 19]),
      (inputs) => withGradients(inputs, rms),
    );
    await expectNotFinite(
      () => forLayer([3, 19]),
      (inputs) => withGradients(inputs, layer),
    );
  });
});
