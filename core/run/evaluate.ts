/** The held-out rows: their loss, and what plugins measure. */

import { tf } from '../base/tf.js';
import { Ticker } from '../base/ticker.js';
import type { Batch } from '../contracts/batch.js';
import type { Example } from '../contracts/dataset.js';
import type { Generated } from '../contracts/generation.js';
import type { Evaluation } from '../contracts/metric.js';
import type { Pass } from '../contracts/pass.js';
import type { GroupLosses } from '../contracts/tracker.js';
import type { RowList } from '../data/rows.js';
import { GENERATE_DEFAULTS, generateAll } from '../generation/generate.js';
import { addSums, type GroupSums } from './loss-groups.js';
import { lossOf, type StepParts } from './step.js';
import type { Training } from './training.js';

const EVALUATION: Pass = { training: false, seed: 0, checkpointing: false };

/** The mean loss of a target token, of all rows and by what they are. */
export interface HeldOutLoss {
  readonly loss: number;
  readonly groups: GroupLosses;
}

/** The mean loss of a target token of `rows`, as objective and plugins make it. */
export function heldOutLoss(parts: StepParts, rows: RowList): Promise<HeldOutLoss> {
  return meanOf(parts, rows, (batch, pass) => lossOf(parts, batch, pass));
}

/** The mean over the target tokens of `rows` of what batches have in sum. Every process takes its share of the batches. */
async function meanOf(
  parts: StepParts,
  rows: RowList,
  sumOf: (batch: Batch, pass: Pass) => tf.Scalar,
): Promise<HeldOutLoss> {
  const { train, model, world, groups } = parts;
  let lossSum = 0;
  let targets = 0;
  let groupSums: GroupSums = new Array(groups.size).fill(0);
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
    const examples = part.flat();
    const batch = model.collate(examples);
    const tellLosses = groups.listener(batch, examples);
    const loss = tf.tidy(() => sumOf(batch, { ...EVALUATION, tellLosses }));
    const [value] = await loss.data();
    loss.dispose();
    groupSums = addSums(groupSums, await groups.take());
    lossSum += value;
    targets += batch.targets;
    done += part.length * world.size;
  }
  const [allLosses, allTargets, ...ofGroups] = await world.total(lossSum, targets, ...groupSums);
  return { loss: allLosses / allTargets, groups: groups.meansOf(ofGroups) };
}

/** What metrics can be computed from, besides the loss `evalLoss`. */
export function evaluationOf(training: Training, evalLoss: number): Evaluation {
  const { model, encoder, rows, device, context, objective, hooks } = training;
  const isMeasured = objective.measuresCrossEntropy === true && !hooks.loss.isUsed();
  let crossEntropy = isMeasured ? Promise.resolve(evalLoss) : undefined;
  const measured = async () => {
    const sumOf = (batch: Batch, pass: Pass) => model.crossEntropy(batch, pass);
    return (await meanOf(training, rows.validation, sumOf)).loss;
  };
  let heldOut: readonly Example[] | undefined;
  return {
    get examples() {
      heldOut ??= rows.heldOut();
      return heldOut;
    },
    crossEntropy() {
      crossEntropy ??= measured();
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
