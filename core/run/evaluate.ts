/** The held-out rows: their loss, and what plugins measure. */

import { tf } from '../base/tf.js';
import { Ticker } from '../base/ticker.js';
import type { Batch } from '../contracts/batch.js';
import type { Example, Prompt } from '../contracts/dataset.js';
import type { Generated, GenerateOptions } from '../contracts/generation.js';
import type { CrossEntropies, Evaluation } from '../contracts/metric.js';
import type { Pass } from '../contracts/pass.js';
import type { GroupLoss, GroupLosses } from '../contracts/tracker.js';
import type { RowList } from '../data/rows.js';
import { GENERATE_DEFAULTS, generateAll } from '../generation/generate.js';
import { answerLikelihoods } from './likelihoods.js';
import { addSums, type GroupSums } from './loss-groups.js';
import { lossOf } from './step.js';
import type { Training } from './training.js';

const EVALUATION: Pass = { training: false, seed: 0, checkpointing: false };

/** What rows are measured with. */
export type MeasuringParts = Pick<
  Training,
  'train' | 'model' | 'objective' | 'world' | 'groups' | 'hooks' | 'context' | 'breathe'
>;

/** What metrics are computed with. */
export type EvaluationParts = MeasuringParts &
  Pick<Training, 'encoder' | 'device'> & {
    readonly rows: { readonly validation: RowList; readonly heldOut: () => readonly Example[] };
  };

/** The mean loss of a target token, of all rows and by what they are. */
export interface HeldOutLoss {
  readonly loss: number;
  readonly targets: number;
  /** Of `loss`; absent where nobody told the losses of single tokens, and of a single row. */
  readonly stderr?: number | undefined;
  readonly groups: GroupLosses;
}

/** The mean loss of a target token of `rows`, as objective and plugins make it. */
export function heldOutLoss(parts: MeasuringParts, rows: RowList): Promise<HeldOutLoss> {
  return meanOf(parts, rows, (batch, pass) => lossOf(parts, batch, pass));
}

/** The mean over the target tokens of `rows` of what batches have in sum. Every process takes its share of the batches. */
async function meanOf(
  parts: MeasuringParts,
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
    const { values, sums } = await groups.take([loss]);
    loss.dispose();
    groupSums = addSums(groupSums, sums);
    lossSum += values[0];
    targets += batch.targets;
    done += part.length * world.size;
  }
  const [allLosses, allTargets, ...ofGroups] = await world.total(lossSum, targets, ...groupSums);
  return {
    loss: allLosses / allTargets,
    targets: allTargets,
    stderr: groups.meanOfAll(ofGroups)?.stderr,
    groups: groups.meansOf(ofGroups, true),
  };
}

/** What metrics can be computed from, besides the loss of the held-out rows. */
export function evaluationOf(parts: EvaluationParts, heldOut: HeldOutLoss): Evaluation {
  const { model, rows, objective, hooks } = parts;
  const isMeasured = objective.measuresCrossEntropy === true && !hooks.loss.isUsed();
  const measure = () =>
    meanOf(parts, rows.validation, (batch: Batch, pass: Pass) => model.crossEntropy(batch, pass));
  let measured: Promise<HeldOutLoss> | undefined = isMeasured ? Promise.resolve(heldOut) : undefined;
  let examples: readonly Example[] | undefined;
  const crossEntropies = async (): Promise<CrossEntropies> => {
    measured ??= measure();
    const { loss, targets, stderr, groups } = await measured;
    const all: GroupLoss = { loss, targets, ...(stderr !== undefined && { stderr }) };
    return { all, ...groups };
  };
  return {
    get examples() {
      examples ??= rows.heldOut();
      return examples;
    },
    crossEntropies,
    crossEntropy: async () => (await crossEntropies()).all.loss,
    generate: generating(parts),
    logProbabilities: (answers) => answerLikelihoods(parts, answers),
  };
}

/** Has the model answer, each prompt once: several metrics may ask the same. */
function generating(parts: EvaluationParts): Evaluation['generate'] {
  const { model, encoder, device, context } = parts;
  const known = new Map<string, Generated>();
  return async (prompts, given = {}) => {
    const options = { ...GENERATE_DEFAULTS, ...given };
    const keys = prompts.map((prompt) => keyOf(prompt, options));
    const fresh = new Map<string, Prompt>();
    for (const [i, key] of keys.entries()) if (!known.has(key)) fresh.set(key, prompts[i]);
    const freshKeys = [...fresh.keys()];
    const ticker = new Ticker();
    const total = freshKeys.length;
    const tell = (done: number) => parts.hooks.log.call({ type: 'progress', task: 'answering', done, total });
    const take = (answer: Generated, i: number) => {
      known.set(freshKeys[i], answer);
      if (ticker.isDue() || (ticker.told && i + 1 === total)) tell(i + 1);
    };
    try {
      const decoding = { device: device ?? undefined, signal: context.signal };
      await generateAll(model, encoder, [...fresh.values()], options, take, decoding);
    } catch (error) {
      // Of an interruption, the run tells more.
      await parts.breathe();
      throw error;
    }
    return keys.map((key) => known.get(key) as Generated);
  };
}

function keyOf(prompt: Prompt, options: GenerateOptions): string {
  const asked =
    'turns' in prompt
      ? prompt.turns.map(({ role, content }) => [role, content])
      : [prompt.instruction, prompt.input];
  return JSON.stringify([asked, options]);
}
