/**
 * What every optimizer must do:
 *
 *     describeOptimizer('sgd', { options: { momentum: 0.9 } });
 */

import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { Optimizer, SavedState } from '../../core/contracts/optimizer.js';
import { type Choice, loadPlugin } from '../support/choice.js';
import { expectError } from '../support/errors.js';
import { applyAlone } from '../support/plugins.js';

/** A matrix and a vector, with gradients of their own for each update. */
function makeVariables(): Map<string, tf.Variable> {
  const variable = (values: tf.TensorLike) => tf.tidy(() => tf.variable(tf.tensor(values)));
  return new Map([
    ['matrix', variable([[1, -2, 0.5]])],
    ['vector', variable([3, -4])],
  ]);
}

const gradientsOf = (update: number) =>
  new Map<string, tf.Tensor>([
    ['matrix', tf.tensor([[0.1 * update, -0.2, 0.3]])],
    ['vector', tf.tensor([0.5, -0.1 * update])],
  ]);

export interface OptimizerFixture {
  readonly options?: object;
}

/** @param third the files of third parties' plugins */
export function describeOptimizer(name: string, { options = {} }: OptimizerFixture, third?: Choice): void {
  describe(`the optimizer ${name} ${JSON.stringify(options)}`, () => {
    let variables: Map<string, tf.Variable>;
    let optimizer: Optimizer;

    async function make(weightDecay = 0): Promise<Optimizer> {
      const plugin = await loadPlugin('optimizers', name, { ...third, options });
      const { hooks } = applyAlone(plugin, { options });
      const made = await hooks.makeOptimizer.promise({ variables, weightDecay });
      if (!made) throw new Error('it makes no optimizer');
      return made;
    }
    const values = () => Array.from(variables.values(), (variable) => [...variable.dataSync()]);
    const update = (to: Optimizer, number: number, learningRate = 0.01, gradientScale = 1) => {
      const gradients = gradientsOf(number);
      to.update(gradients, { learningRate, gradientScale });
      for (const gradient of gradients.values())
        expect(gradient.isDisposed, 'gradients are the caller’s').to.equal(false);
      tf.dispose([...gradients.values()]);
    };

    beforeEach(async () => {
      variables = makeVariables();
      optimizer = await make();
    });
    afterEach(() => {
      optimizer.dispose();
      tf.dispose([...variables.values()]);
    });

    it('goes against the gradient, in every variable', () => {
      const before = values();
      update(optimizer, 1);
      const signs = values().map((list, i) => list.map((value, j) => Math.sign(value - before[i][j])));
      expect(signs).to.deep.equal([
        [-1, 1, -1],
        [-1, 1],
      ]);
    });

    it('changes nothing at a learning rate of 0', () => {
      const before = values();
      update(optimizer, 1, 0);
      expect(values()).to.deep.equal(before);
    });

    it('takes gradients that are scaled as smaller ones', async () => {
      update(optimizer, 1, 0.01, 0.5);
      const scaled = values();
      tf.dispose([...variables.values()]);
      variables = makeVariables();
      const other = await make();
      const halves = new Map(
        Array.from(gradientsOf(1), ([name, gradient]) => {
          const half = tf.mul(gradient, 0.5);
          gradient.dispose();
          return [name, half] as const;
        }),
      );
      other.update(halves, { learningRate: 0.01, gradientScale: 1 });
      expect(values()).to.deep.equal(scaled);
      // A first step may go by the sign alone; what is kept of the gradient shows in later ones.
      const keptOf = (of: Optimizer) =>
        Array.from(of.state().tensors, ([name, tensor]) => [name, ...tensor.dataSync()]);
      expect(keptOf(other)).to.deep.equal(keptOf(optimizer));
      other.dispose();
      tf.dispose([...halves.values()]);
    });

    it('lets matrices decay, and vectors not', async () => {
      const zeros = new Map(
        Array.from(variables, ([name, variable]) => [name, tf.zerosLike(variable)] as const),
      );
      const decaying = await make(0.5);
      const [matrix, vector] = values();
      decaying.update(zeros, { learningRate: 0.1, gradientScale: 1 });
      const [after, vectorAfter] = values();
      expect(after[0]).to.be.closeTo(0.95 * matrix[0], 1e-6);
      expect(vectorAfter).to.deep.equal(vector);
      decaying.dispose();
      tf.dispose([...zeros.values()]);
    });

    it('goes on from a saved state to the same numbers, bit for bit', async () => {
      for (const number of [1, 2]) update(optimizer, number);
      const { numbers, tensors } = optimizer.state();
      const kept: SavedState = {
        numbers: JSON.parse(JSON.stringify(numbers)),
        tensors: new Map(
          Array.from(
            tensors,
            ([name, tensor]) => [name, tf.tensor(tensor.dataSync(), tensor.shape)] as const,
          ),
        ),
      };
      const at = values();
      for (const number of [3, 4]) update(optimizer, number);
      const expected = values();
      for (const [i, variable] of [...variables.values()].entries()) {
        const value = tf.tensor(at[i], variable.shape);
        variable.assign(value);
        value.dispose();
      }
      const other = await make();
      other.restore(kept);
      for (const number of [3, 4]) update(other, number);
      expect(values()).to.deep.equal(expected);
      other.dispose();
      tf.dispose([...kept.tensors.values()]);
    });

    it('refuses a state of other variables, where it keeps any', async () => {
      if (optimizer.state().tensors.size === 0) return;
      const foreign = { numbers: {}, tensors: new Map([['other', tf.tensor([1])]]) };
      const error = await expectError(() => optimizer.restore(foreign), 'PLUGIN_FAILED', 'other');
      expect(error.cause).to.be.instanceOf(RangeError);
      tf.dispose([...foreign.tensors.values()]);
    });

    it('goes on from its own state as if nothing had been', async () => {
      for (const number of [1, 2]) update(optimizer, number);
      const held = tf.memory().numTensors;
      optimizer.restore(optimizer.state());
      expect(tf.memory().numTensors, 'tensors that are held').to.equal(held);
      update(optimizer, 3);
      const restored = values();
      tf.dispose([...variables.values()]);
      variables = makeVariables();
      const other = await make();
      for (const number of [1, 2, 3]) update(other, number);
      expect(restored).to.deep.equal(values());
      other.dispose();
    });

    it('refuses a state that lacks a number, where it keeps any, and goes on as if it had not been asked', async () => {
      update(optimizer, 1);
      const { numbers, tensors } = optimizer.state();
      for (const name of Object.keys(numbers)) {
        const { [name]: _, ...others } = numbers;
        const error = await expectError(
          () => optimizer.restore({ numbers: others, tensors }),
          'PLUGIN_FAILED',
          name,
        );
        expect(error.cause).to.be.instanceOf(RangeError);
        expect(optimizer.state().numbers).to.deep.equal(numbers);
      }
      update(optimizer, 2);
      expect(values().flat().every(Number.isFinite), 'variables stay finite').to.equal(true);
    });

    it('holds as many tensors after many updates as after one, and frees them', () => {
      const held = () => tf.memory().numTensors;
      const before = held();
      update(optimizer, 1);
      const afterOne = held();
      for (let i = 0; i < 3; i++) update(optimizer, i);
      expect(held()).to.equal(afterOne);
      const kept = optimizer.state().tensors.size;
      optimizer.dispose();
      expect(held()).to.equal(before - kept);
    });
  });
}
