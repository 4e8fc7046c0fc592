/**
 * What every objective must do, held to what plain TensorFlow.js makes of the model's logits:
 *
 *     describeObjective('next-token', { ofToken: (logProbabilities, label) => -logProbabilities[label] });
 */

import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { type Batch, IGNORED, type LanguageModel, type Objective, type Pass } from '../../core/index.js';
import { type Choice, choose } from '../support/choice.js';
import { readFixture, withModel } from '../support/compose.js';
import { type ExpectedLlama, LLAMA, PEFT_ADAPTER } from '../support/llama-fixture.js';
import { AS_IT_IS, logitsOf, relativeDistance } from '../support/parity.js';
import { rowOf } from '../support/rows.js';
import { directionsOf, gradientsOf, moveParameters } from '../support/variables.js';

/** What a target token adds to the loss, by the log-probabilities of all tokens in its place. */
type OfToken = (logProbabilities: Float32Array, label: number) => number;

export interface ObjectiveFixture {
  readonly options?: object;
  readonly ofToken: OfToken;
  /** The same in evaluation; where it is not said, the cross-entropy. */
  readonly inEvaluation?: OfToken;
}

export const crossEntropyOf: OfToken = (logProbabilities, label) => -logProbabilities[label];

const ROWS = readFixture<ExpectedLlama>('llama', 'expected.json').rows.map(rowOf);
const EVALUATION: Pass = AS_IT_IS;
const TRAINING: Pass = { ...AS_IT_IS, training: true };

/** @param third the files of third parties' plugins */
export function describeObjective(name: string, fixture: ObjectiveFixture, third?: Choice): void {
  const { options = {}, ofToken, inEvaluation = crossEntropyOf } = fixture;

  describe(`the objective ${name} ${JSON.stringify(options)}`, () => {
    const use = (test: (model: LanguageModel, batch: Batch, objective: Objective) => void) => {
      const chosen = choose('objectives', name, { ...third, options });
      return withModel({ model: LLAMA, adapter: PEFT_ADAPTER, ...chosen }, async (model, { hooks }) => {
        const objective = await hooks.makeObjective.promise(model);
        if (!objective) throw new Error('it makes no objective');
        test(model, model.collate(ROWS), objective);
      });
    };
    const numberOf = (loss: () => tf.Scalar) => tf.tidy(() => loss().dataSync()[0]);

    for (const [what, pass, wanted] of [
      ['training', TRAINING, ofToken],
      ['evaluation', EVALUATION, inEvaluation],
    ] as const) {
      it(`sums in ${what} over the target tokens what each of them adds`, () =>
        use((model, batch, objective) => {
          const loss = tf.tidy(() => {
            const scalar = objective.loss(model, batch, pass);
            expect(scalar.shape).to.deep.equal([]);
            return scalar.dataSync()[0];
          });
          const expected = sumOverTargets(model, batch, wanted);
          expect(loss).to.be.closeTo(expected, 1e-4 * Math.abs(expected));
        }));
    }

    it('measures held-out rows by the cross-entropy of the model, where it says so', () =>
      use((model, batch, objective) => {
        if (!objective.measuresCrossEntropy) return;
        const loss = numberOf(() => objective.loss(model, batch, EVALUATION));
        expect(loss).to.equal(numberOf(() => model.crossEntropy(batch, EVALUATION)));
      }));

    it('is the sum of the losses of the sequences, each alone', () =>
      use((model, batch, objective) => {
        const lossOf = (of: Batch) => numberOf(() => objective.loss(model, of, TRAINING));
        const alone = ROWS.map((row) => lossOf(model.collate([row])));
        const together = lossOf(batch);
        expect(alone.reduce((sum, loss) => sum + loss)).to.be.closeTo(together, 1e-5 * Math.abs(together));
      }));

    it('has the gradient that it should, by central differences, with gradient checkpointing too', () =>
      use((model, batch, objective) => {
        const loss = (pass: Pass) => () => objective.loss(model, batch, pass);
        const step = 0.01;
        const lossBeyond = (by: number) => {
          moveParameters(model, by);
          const value = numberOf(loss(TRAINING));
          moveParameters(model, -by);
          return value;
        };
        const slope = (lossBeyond(step) - lossBeyond(-step)) / (2 * step);
        expect(Math.abs(slope), 'the direction tells something').to.be.above(0.1);

        const { gradients } = gradientsOf(model, loss(TRAINING));
        let predicted = 0;
        for (const [key, direction] of directionsOf(model))
          predicted += direction.reduce((sum, value, i) => sum + value * gradients.get(key)![i], 0);
        expect(predicted).to.be.closeTo(slope, 1e-2 * Math.abs(slope));

        const again = gradientsOf(model, loss({ ...TRAINING, checkpointing: true })).gradients;
        for (const [key, gradient] of again)
          expect(relativeDistance(gradient, gradients.get(key)!), key).to.be.below(1e-5);
      }));

    it('leaves no tensors but its value', () =>
      use((model, batch, objective) => {
        const before = tf.memory().numTensors;
        const { loss } = gradientsOf(model, () => objective.loss(model, batch, TRAINING));
        expect(loss).to.be.a('number');
        expect(tf.memory().numTensors).to.equal(before);
      }));
  });
}

function sumOverTargets(model: LanguageModel, batch: Batch, ofToken: OfToken): number {
  const logits = logitsOf(model, batch);
  const vocabulary = logits.length / batch.labels.length;
  let sum = 0;
  for (const [at, label] of batch.labels.entries()) {
    if (label === IGNORED) continue;
    const row = logits.subarray((at - 1) * vocabulary, at * vocabulary);
    sum += ofToken(tf.tidy(() => tf.logSoftmax(tf.tensor1d(row)).dataSync()) as Float32Array, label);
  }
  return sum;
}
