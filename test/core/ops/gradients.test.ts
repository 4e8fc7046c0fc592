import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { Batch, LanguageModel } from '../../../core/index.js';
import { dropout } from '../../../core/ops/dropout.js';
import { checkpoint, variableGradients } from '../../../core/ops/gradients.js';
import { forEachBackend } from '../../support/backends.js';
import { readFixture, withModel } from '../../support/compose.js';
import { type ExpectedLlama, LLAMA, PEFT_ADAPTER } from '../../support/llama-fixture.js';
import { randomTensor } from '../../support/numbers.js';
import { rowOf } from '../../support/rows.js';

type Variables = Map<string, tf.Variable<tf.Rank.R2>>;

/** Three square matrices to multiply with. */
function makeVariables(): Variables {
  return new Map(
    ['a', 'b', 'c'].map((name, i) => [
      name,
      tf.tidy(() => tf.variable(randomTensor<tf.Rank.R2>([4, 4], i + 1))),
    ]),
  );
}

/** x -> dropout(tanh(x W)) + x */
const layer = (w: tf.Variable<tf.Rank.R2>, seed: number) => (x: tf.Tensor2D) =>
  tf.add(dropout(tf.tanh(tf.matMul(x, w as tf.Tensor2D)), 0.3, seed), x) as tf.Tensor2D;

const plain = (f: (x: tf.Tensor2D) => tf.Tensor2D, x: tf.Tensor2D) => f(x);

/** Layers of every variable, `b` twice, one under the other; `run` is plain or checkpoint. */
function lossOf(variables: Variables, run: typeof checkpoint): tf.Scalar {
  let x = randomTensor<tf.Rank.R2>([5, 4], 9);
  for (const [i, name] of ['a', 'b', 'c', 'b'].entries()) {
    x = run(layer(variables.get(name) as tf.Variable<tf.Rank.R2>, i), x);
  }
  return tf.sum(tf.square(x));
}

/** The loss and the gradients as plain numbers. */
function numbersOf(f: () => tf.Scalar, variables: ReadonlyMap<string, tf.Variable>): number[][] {
  const { loss, gradients } = variableGradients(f, variables);
  const all = [loss, ...gradients.values()];
  const numbers = all.map((tensor) => [...tensor.dataSync()]);
  tf.dispose(all);
  return numbers;
}

/** The same of `tf.variableGrads`. */
function tfjsNumbersOf(f: () => tf.Scalar, variables: ReadonlyMap<string, tf.Variable>): number[][] {
  const { value, grads } = tf.variableGrads(f, [...variables.values()]);
  const all = [value, ...Array.from(variables.values(), (variable) => grads[variable.name])];
  const numbers = all.map((tensor) => [...tensor.dataSync()]);
  tf.dispose(all);
  return numbers;
}

/** The most bytes that tensors had at once while `f` ran, above those before. */
async function peakOf(f: () => unknown): Promise<number> {
  const before = tf.memory().numBytes;
  const { peakBytes } = await tf.profile(() => {
    f();
    return [];
  });
  return peakBytes - before;
}

describe('variableGradients', () => {
  forEachBackend(() => {
    let variables: Variables;
    beforeEach(() => {
      variables = makeVariables();
    });
    afterEach(() => {
      tf.dispose([...variables.values()]);
    });

    it('yields bit for bit what tf.variableGrads yields, with checkpoints and without', () => {
      const expected = tfjsNumbersOf(() => lossOf(variables, plain), variables);
      expect(numbersOf(() => lossOf(variables, plain), variables)).to.deep.equal(expected);
      expect(numbersOf(() => lossOf(variables, checkpoint), variables)).to.deep.equal(expected);
    });

    it('leaves nothing behind but the loss and the gradients', () => {
      const before = tf.memory().numTensors;
      const { loss, gradients } = variableGradients(() => lossOf(variables, checkpoint), variables);
      expect([...gradients.keys()]).to.deep.equal(['a', 'b', 'c']);
      expect(tf.memory().numTensors - before).to.equal(4);
      tf.dispose([loss, ...gradients.values()]);
    });

    it('lets checkpoints use tensors of the pass, and be nested', () => {
      const loss = (run: typeof checkpoint) => {
        const [a, b] = variables.values();
        const shift = tf.scalar(0.5);
        const inner = (x: tf.Tensor2D) => layer(b, 2)(tf.add(x, shift));
        const outer = (x: tf.Tensor2D) => run(inner, layer(a, 1)(x));
        return tf.sum(run(outer, randomTensor<tf.Rank.R2>([5, 4], 9))) as tf.Scalar;
      };
      const used: Variables = new Map([...variables].slice(0, 2));
      const expected = tfjsNumbersOf(() => loss(plain), used);
      expect(numbersOf(() => loss(checkpoint), used)).to.deep.equal(expected);
    });

    it('passes over what leads from no variable, or to no loss', () => {
      const [a] = variables.values();
      const noGradient = tf.customGrad((x, save) => {
        (save as tf.GradSaveFunc)([x as tf.Tensor]);
        return {
          value: tf.clone(x as tf.Tensor),
          gradFunc: () => {
            throw new Error('this gradient is not needed');
          },
        };
      });
      const loss = () => {
        noGradient(a);
        const x = noGradient(randomTensor([5, 4], 1)) as tf.Tensor2D;
        return tf.sum(tf.matMul(x, a as tf.Tensor2D)) as tf.Scalar;
      };
      const simple = () =>
        tf.sum(tf.matMul(randomTensor<tf.Rank.R2>([5, 4], 1), a as tf.Tensor2D)) as tf.Scalar;
      const one = new Map([['a', a]]);
      expect(numbersOf(loss, one)).to.deep.equal(tfjsNumbersOf(simple, one));
    });

    it('names a variable that no gradient reaches, and frees everything', () => {
      const [a] = variables.values();
      const loss = () => tf.sum(checkpoint(layer(a, 1), randomTensor<tf.Rank.R2>([5, 4], 9))) as tf.Scalar;
      expect(() => variableGradients(loss, variables)).to.throw(
        'no gradient reaches the trainable parameter b',
      );
    });

    it('frees everything where the pass fails, forward or backward', () => {
      const failing = tf.customGrad((x) => ({
        value: tf.clone(x as tf.Tensor),
        gradFunc: () => {
          throw new Error('backward');
        },
      }));
      const [a] = variables.values();
      const one = new Map([['a', a]]);
      const loss = (then: (x: tf.Tensor) => tf.Tensor) => () =>
        tf.sum(tf.square(then(lossOf(variables, checkpoint)))) as tf.Scalar;
      const forward = () => {
        throw new Error('forward');
      };
      expect(() => variableGradients(loss(forward), one)).to.throw('forward');
      expect(() => variableGradients(loss(failing), one)).to.throw('backward');
      const inside = () =>
        tf.sum(
          checkpoint((x) => failing(layer(a, 1)(x)) as tf.Tensor2D, randomTensor<tf.Rank.R2>([5, 4], 9)),
        );
      expect(() => variableGradients(inside as () => tf.Scalar, one)).to.throw('backward');
    });

    it('frees no tensor that a gradient hands back and that is not its own, and none twice', () => {
      const variables = makeVariables();
      const mine = tf.ones<tf.Rank.R2>([4, 4]);
      const constant = tf.customGrad((x) => ({ value: tf.square(x as tf.Tensor), gradFunc: () => mine }));
      const both = tf.customGrad((x, y) => ({
        value: tf.add(x as tf.Tensor, y as tf.Tensor),
        gradFunc: (dy: tf.Tensor) => {
          const doubled = tf.mul(dy, 2);
          return [doubled, doubled];
        },
      }));
      const [a, b, c] = variables.values();
      const loss = () => tf.sum(tf.add(constant(a), both(b, c))) as tf.Scalar;
      for (let time = 0; time < 2; time++) {
        const [, byA, byB, byC] = numbersOf(loss, variables);
        expect(byA).to.deep.equal([...mine.dataSync()]);
        expect(byB).to.deep.equal(new Array(16).fill(2)).and.to.deep.equal(byC);
      }
      tf.dispose([mine, ...variables.values()]);
    });

    it('refuses a gradient of another shape', () => {
      const [a] = variables.values();
      const wrong = tf.customGrad((x) => ({
        value: tf.clone(x as tf.Tensor),
        gradFunc: () => tf.ones([2]),
      }));
      const loss = () => tf.sum(wrong(a)) as tf.Scalar;
      expect(() => variableGradients(loss, new Map([['a', a]]))).to.throw(
        'is float32 [2], but must be float32 [4,4]',
      );
    });

    it('takes less memory than tf.variableGrads, and with checkpoints less again', async () => {
      const [a] = variables.values();
      const one = new Map([['a', a]]);
      // Deep and wide, so that what stays is seen.
      const loss = (run: typeof checkpoint) => () => {
        let x = randomTensor<tf.Rank.R2>([100, 4], 9);
        for (let i = 0; i < 12; i++) {
          const input = x;
          x = tf.tidy(() => run(layer(a, i), input));
          input.dispose();
        }
        return tf.sum(x) as tf.Scalar;
      };
      const ofTfjs = await peakOf(() => tfjsNumbersOf(loss(plain), one));
      const own = await peakOf(() => numbersOf(loss(plain), one));
      const checkpointed = await peakOf(() => numbersOf(loss(checkpoint), one));
      expect(own).to.be.below(0.8 * ofTfjs);
      expect(checkpointed).to.be.below(0.7 * own);
    });
  });
});

describe('checkpoint', () => {
  it('is the function alone where nothing is recorded, or tfjs records by itself', () => {
    tf.tidy(() => {
      const w = tf.tidy(() => tf.variable(randomTensor<tf.Rank.R2>([4, 4], 1)));
      const x = randomTensor<tf.Rank.R2>([5, 4], 9);
      const f = layer(w, 1);
      expect(checkpoint(f, x).dataSync()).to.deep.equal(f(x).dataSync());
      const gradient = (run: typeof checkpoint) =>
        tf
          .grad((at) => run(f, at as tf.Tensor2D))(x)
          .dataSync();
      expect(gradient(checkpoint)).to.deep.equal(gradient(plain));
      w.dispose();
    });
  });
});

describe('gradient checkpointing of a model', () => {
  const expected = readFixture<ExpectedLlama>('llama', 'expected.json');

  for (const backend of ['cpu', 'wasm']) {
    it(`yields the same loss and gradients in less memory, on ${backend}`, () => {
      const adapter = { ...PEFT_ADAPTER, dropout: 0.3 };
      const device = { name: 'portable', backend };
      return withModel({ model: LLAMA, adapter, device }, async (model) => {
        const batch = batchOf(model);
        const loss = (checkpointing: boolean) => () =>
          model.crossEntropy(batch, { training: true, seed: 5, checkpointing });
        const without = numbersOf(loss(false), model.trainable);
        expect(numbersOf(loss(true), model.trainable)).to.deep.equal(without);
        expect(without).to.deep.equal(tfjsNumbersOf(loss(false), model.trainable));
        const high = await peakOf(() => numbersOf(loss(false), model.trainable));
        const low = await peakOf(() => numbersOf(loss(true), model.trainable));
        expect(low).to.be.below(0.8 * high);
      });
    });
  }

  function batchOf(model: LanguageModel): Batch {
    return model.collate(expected.rows.map(rowOf));
  }
});
