/** The held-out rows: their loss, and what plugins measure. */

import { tf } from '../base/tf.js';
import { Ticker } from '../base/ticker.js';
import type { Batch } from '../contracts/batch.js';
import type { Example } from '../contracts/dataset.js';
import type { Generated } from '../contracts/generation.js';
import type { Evaluation } from '../contracts/metric.js';
import type { Pass } from '../contracts/pass.js';
import type { RowList } from '../data/rows.js';
import { GENERATE_DEFAULTS, generateAll } from '../generation/generate.js';
import { lossOf, type StepParts } from './step.js';
import type { Training } from './training.js';

const EVALUATION: Pass = { training: false, seed: 0, checkpointing: false };

/** The mean loss of a target token of `rows`, as objective and plugins make it. */
export function heldOutLoss(parts: StepParts, rows: RowList): Promise<number> {
  return meanOf(parts, rows, (batch) => lossOf(parts, batch, EVALUATION));
}

/** The mean over the target tokens of `rows` of what batches have in sum. Every process takes its share of the batches. */
async function meanOf(parts: StepParts, rows: RowList, sumOf: (batch: Batch) => tf.Scalar): Promise<number> {
  const { train, model, world } = parts;
  let lossSum = 0;
  let targets = 0;
  let done = 0;
  const ticker = new Ticker();
  const { perDeviceBatchSize: size } = train;
  for (let i = world.rank; i * size < rows.length; i += world.size) {
    await parts.breathe();
    if (world.isEnding) break;
    if (ticker.isDue()) {
      parts.hooks.log.call({ type: 'progress', task: 'evaluating', done, total: rows.length });
    }
    const part = rows.read(i * size, (i + 1) * size);
    const batch = model.collate(part.flat());
    const loss = tf.tidy(() => sumOf(batch));
    const [value] = await loss.data();
    loss.dispose();
    lossSum += value;
    targets += batch.targets;
    done += part.length * world.size;
  }
  const [allLosses, allTargets] = await world.total(lossSum, targets);
  return allLosses / allTargets;
}

/** What metrics can be computed from, besides the loss `evalLoss`. */
export function evaluationOf(training: Training, evalLoss: number): Evaluation {
  const { model, encoder, rows, device, context, objective, hooks } = training;
  const isMeasured = objective.measuresCrossEntropy === true && !hooks.loss.isUsed();
  let crossEntropy = isMeasured ? Promise.resolve(evalLoss) : undefined;
  let heldOut: readonly Example[] | undefined;
  return {
    get examples() {
      heldOut ??= rows.heldOut();
      return heldOut;
    },
    crossEntropy() {
      crossEntropy ??= meanOf(training, rows.validation, (batch) => model.crossEntropy(batch, EVALUATION));
      return crossEntropy;
    },
    async generate(prompts, options = {}) {
      const answers: Generated[] = [];
      const take = (answer: Generated) => {
        answers.push(answer);
      };
      try {
        const decoding = { device: device ?? undefined, signal: context.signal };
        await generateAll(model, encoder, prompts, { ...GENERATE_DEFAULTS, ...options }, take, decoding);
      } catch (error) {
        // Of an interruption, the run tells more.
        await training.breathe();
        throw error;
      }
      return answers;
    },
  };
}
