import * as tf from '@tensorflow/tfjs';
import { addBias } from '../../../../../core/ops/add-bias.js';
import { splitColumns } from '../../../../../core/ops/split-columns.js';
import {
  describeNative,
  expectNotFinite,
  expectReference,
  onEachIsa,
  withGradients,
} from '../../../../support/native.js';
import { checkGradient, randomTensor } from '../../../../support/numbers.js';

/** The parts weighted, so that they cannot be taken for each other, and side by side. */
function splitAndJoined(x: tf.Tensor, widths: readonly number[]): tf.Tensor {
  return tf.concat(
    splitColumns(x as tf.Tensor2D, widths).map((part, i) => tf.mul(part, i + 2)),
    1,
  );
}

/** More rows than a task takes among them. */
const ROWS = [1, 3, 700];

describeNative('native split columns', () => {
  for (const rows of ROWS) {
    for (const widths of [
      [1, 1],
      [16, 16, 16],
      [7, 1, 33],
    ]) {
      const columns = widths.reduce((sum, width) => sum + width);
      it(`of [${rows}, ${columns}] into [${widths}], to the bit`, () =>
        expectReference(0, () =>
          withGradients({ x: randomTensor([rows, columns], 1) }, ({ x }) => splitAndJoined(x, widths)),
        ));
    }
  }

  it('of which a part is not used', () =>
    expectReference(0, () =>
      withGradients({ x: randomTensor([5, 9], 1) }, ({ x }) => splitColumns(x as tf.Tensor2D, [2, 4, 3])[1]),
    ));

  it('have the gradient that finite differences show, and make no numbers of what is none', async () => {
    await onEachIsa(() => {
      tf.tidy(() => checkGradient((x) => splitAndJoined(x, [3, 4]), [randomTensor([3, 7], 1)]));
    });
    await expectNotFinite(
      () => ({ x: randomTensor([3, 7], 1) }),
      ({ x }) => ({ y: splitAndJoined(x, [3, 4]) }),
    );
  });
});

describeNative('native bias', () => {
  const add = ({ x, bias }: Record<string, tf.Tensor>) => addBias(x as tf.Tensor2D, bias as tf.Tensor1D);

  for (const rows of ROWS) {
    for (const columns of [1, 16, 63, 64, 65, 300]) {
      it(`of [${rows}, ${columns}]`, () =>
        expectReference({ y: 0, dx: 0, dbias: 1e-5 }, () =>
          withGradients({ x: randomTensor([rows, columns], 1), bias: randomTensor([columns], 2) }, add),
        ));
    }
  }

  it('has the gradients that finite differences show, and makes no numbers of what is none', async () => {
    const inputs = () => ({ x: randomTensor([3, 7], 1), bias: randomTensor([7], 2) });
    await onEachIsa(() => {
      tf.tidy(() =>
        checkGradient((x, bias) => addBias(x as tf.Tensor2D, bias as tf.Tensor1D), Object.values(inputs())),
      );
    });
    await expectNotFinite(inputs, (all) => ({ y: add(all) }));
  });
});
