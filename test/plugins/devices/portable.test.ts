import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import portable from '../../../plugins/devices/portable/index.js';
import { registerPlainMatMul } from '../../../plugins/devices/portable/mat-mul.js';
import { useBackend } from '../../support/backends.js';
import { askDevice } from '../../support/devices.js';
import { expectClose, randomTensor } from '../../support/numbers.js';

/** Operand shapes [m, k] · [k, p] by their batch dimensions. */
const BATCHES: Record<string, [number[], number[]]> = {
  'rank 2': [[], []],
  'a batch of one': [[1], [1]],
  'an equal batch': [[3], [3]],
  'an equal batch of two dimensions': [
    [2, 3],
    [2, 3],
  ],
  'the left broadcast': [[1], [3]],
  'the right broadcast': [[3], [1]],
  'the right of rank 2': [[3], []],
};

const transposed = (shape: number[], swap: boolean) => (swap ? [...shape].reverse() : shape);

describe('portable device', () => {
  it('opens WebAssembly, with plain matrix products', async () => {
    const { device } = await askDevice(portable, {}, 'portable');
    expect(device).to.include({ name: 'portable', backend: 'wasm' });
    expect(tf.getBackend()).to.equal('wasm');
  });

  it('opens plain JavaScript where that is asked for', async () => {
    await useBackend('wasm');
    const { device } = await askDevice(portable, { backend: 'cpu' }, 'portable');
    expect(device).to.include({ name: 'portable', backend: 'cpu' });
    expect(tf.getBackend()).to.equal('cpu');
  });

  for (const [what, [batchA, batchB]] of Object.entries(BATCHES)) {
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        const form = `A${transposeA ? 'ᵀ' : ''} B${transposeB ? 'ᵀ' : ''}`;
        it(`multiplies ${form} as the cpu backend does: ${what}`, async () => {
          const shapeA = [...batchA, ...transposed([5, 7], transposeA)];
          const shapeB = [...batchB, ...transposed([7, 3], transposeB)];
          const product = () =>
            tf.tidy(() => {
              const a = randomTensor(shapeA as [number, number], 1);
              const b = randomTensor(shapeB as [number, number], 2);
              const y = tf.matMul(a, b, transposeA, transposeB);
              return { shape: y.shape, values: y.dataSync() };
            });
          const expected = product();
          await useBackend('wasm');
          const actual = product();
          expect(actual.shape).to.deep.equal(expected.shape);
          expectClose(actual.values, expected.values, 1e-6);
        });
      }
    }
  }

  it('multiplies the same however often its kernel is registered', async () => {
    await useBackend('wasm');
    registerPlainMatMul();
    registerPlainMatMul();
    tf.tidy(() => {
      const y = tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3, 4]]), false, true);
      expect(y.arraySync()).to.deep.equal([[11]]);
    });
  });
});
