/** Measures a model on rows, without training it: `evolve evaluate`. */

import { inject, injectable } from 'tsyringe';
import { Breath, interruptionOf } from '../base/breath.js';
import { EvolveError } from '../base/errors.js';
import { CONTEXT, HOOKS, PREPARATION, RUN_CONFIG } from '../base/injection-keys.js';
import type { RunConfig } from '../config/load.js';
import type { Evaluation, Metrics } from '../contracts/metric.js';
import type { GroupLosses } from '../contracts/tracker.js';
import type { Row, RowList } from '../data/rows.js';
import type { SourcedExample } from '../data/token-rows.js';
import type { Hooks } from '../plugins/hooks.js';
import type { RunContext } from './context.js';
import { type EvaluationParts, evaluationOf, heldOutLoss } from './evaluate.js';
import { drawShots, exampleWithShots, promptWithShots, type Shot } from './few-shot.js';
import { LossGroups } from './loss-groups.js';
import { makeObjective, openWorld } from './plugin-parts.js';
import type { Preparation, Prepared } from './preparation.js';
import { RunWorld } from './run-world.js';

/** What is measured. */
export interface EvaluationPlan {
  /** The rows that the run holds out, or all rows of the data. */
  readonly rows: 'held-out' | 'all';
  /** So many solved questions stand before each: one evaluation of each number. */
  readonly shots: readonly number[];
}

/** What an evaluation found. */
export interface Measured extends GroupLosses {
  readonly shots: number;
  readonly rows: number;
  readonly metrics: Metrics;
}

@injectable()
export class Evaluator {
  constructor(
    @inject(RUN_CONFIG) private readonly config: RunConfig,
    @inject(HOOKS) private readonly hooks: Hooks,
    @inject(PREPARATION) private readonly preparation: Preparation,
    @inject(CONTEXT) private readonly context: RunContext,
  ) {}

  /**
   * Measures the model of the configuration.
   *
   * @param tell hears of each evaluation when it is done
   * @throws EvolveError DATA_EMPTY if there are no rows, NOT_FINITE if their loss is no finite number
   */
  async evaluate(plan: EvaluationPlan, tell: (measured: Measured) => void): Promise<void> {
    try {
      const prepared = await this.preparation.make(() => this.#breathe());
      const { store } = prepared.rows.corpus;
      const rows = this.#chosen(plan, prepared);
      const exampleOf = (row: number) => store.example(row);
      const most = Math.max(...plan.shots);
      const { shots, left } = drawShots(rows, exampleOf, most, this.config.train.seed);
      if (shots.length < most || left.length === 0) throw tooFew(most, rows.length);
      const basis = await this.#basis(prepared);
      const fitting = await this.#fitting(prepared, left, shots);
      for (const count of plan.shots)
        tell(await this.#measured(prepared, fitting, shots.slice(0, count), basis));
    } finally {
      await this.preparation.free();
    }
  }

  /** The rows that are not too long with all solved questions before them: every evaluation is of the same rows. */
  async #fitting(
    { rows: { corpus }, model, encoder }: Prepared,
    rows: Int32Array,
    shots: readonly Shot[],
  ): Promise<Int32Array> {
    if (shots.length === 0) return rows;
    const breath = new Breath(this.context.signal);
    const fitting: number[] = [];
    for (const row of rows) {
      const example = exampleWithShots(corpus.store.example(row), shots);
      // One more than there may be shows that a row would be cut.
      if (encoder.encode(example, model.maxLength + 1).inputIds.length <= model.maxLength) fitting.push(row);
      if (breath.isDue) await breath.take();
    }
    const leftOut = rows.length - fitting.length;
    const message = `${leftOut} of ${rows.length} rows are left out: with ${shots.length} solved questions before them they are longer than the model's ${model.maxLength} positions`;
    if (fitting.length === 0)
      throw new EvolveError(
        'COMMAND_LINE',
        message,
        'Show fewer solved questions (--few-shot), or shorter rows.',
      );
    if (leftOut > 0) this.hooks.log.call({ type: 'notice', message });
    return Int32Array.from(fitting);
  }

  #chosen({ rows }: EvaluationPlan, { rows: split }: Prepared): Int32Array {
    if (rows === 'all') return Int32Array.from({ length: split.corpus.store.count }, (_, i) => i);
    const held = Int32Array.from(split.validation.examples).sort();
    if (held.length > 0) return held;
    const message = 'the run holds no rows out (data.validationSize), so that there is nothing to measure';
    throw new EvolveError('DATA_EMPTY', message, 'Name data with --data.');
  }

  async #basis({ model, encoder, rows }: Prepared): Promise<Omit<EvaluationParts, 'rows'>> {
    const { signal } = this.context;
    return {
      train: this.config.train,
      model,
      encoder,
      objective: await makeObjective(this.hooks, model),
      world: new RunWorld(await openWorld(this.hooks), signal, () => interruptionOf(signal)),
      groups: new LossGroups(rows.corpus.facts),
      hooks: this.hooks,
      context: this.context,
      device: this.preparation.device,
      breathe: () => this.#breathe(),
    };
  }

  async #measured(
    { rows: { corpus }, model, encoder }: Prepared,
    rows: Int32Array,
    shots: readonly Shot[],
    basis: Omit<EvaluationParts, 'rows'>,
  ): Promise<Measured> {
    const { store } = corpus;
    const breath = new Breath(this.context.signal);
    const encoded: SourcedExample[] = [];
    for (const row of shots.length > 0 ? rows : []) {
      const { source, language } = store.row(row);
      const example = encoder.encode(exampleWithShots(store.example(row), shots), model.maxLength);
      if (example.spans.length > 0) encoded.push({ ...example, source, language });
      if (breath.isDue) await breath.take();
    }
    const validation =
      shots.length > 0
        ? listOf(encoded.length, (i) => encoded[i])
        : listOf(rows.length, (i) => store.row(rows[i]));
    const parts: EvaluationParts = {
      ...basis,
      rows: { validation, heldOut: () => Array.from(rows, (row) => store.example(row)) },
    };
    const loss = await heldOutLoss(parts, validation);
    if (!Number.isFinite(loss.loss))
      throw new EvolveError('NOT_FINITE', `the loss of the rows is ${loss.loss}`);
    this.hooks.log.call({ type: 'progress', task: 'evaluating', done: rows.length, total: rows.length });
    const given: Metrics = {
      evalLoss: loss.loss,
      ...(loss.stderr !== undefined && { evalLossStderr: loss.stderr }),
    };
    const metrics = await this.hooks.evaluate.promise(given, withShots(evaluationOf(parts, loss), shots));
    return { shots: shots.length, rows: validation.length, metrics, ...loss.groups };
  }

  async #breathe(): Promise<void> {
    await new Promise(setImmediate);
    if (this.context.signal.aborted) throw interruptionOf(this.context.signal);
  }
}

function listOf(length: number, rowOf: (i: number) => SourcedExample): RowList {
  const all = () => Array.from({ length }, (_, i) => rowOf(i));
  return {
    length,
    read: (start, end): Row[] =>
      Array.from({ length: Math.max(0, Math.min(end, length) - start) }, (_, i) => [rowOf(start + i)]),
    examples: Int32Array.from({ length }, (_, i) => i),
    lengths: () => Int32Array.from(all(), ({ inputIds }) => inputIds.length),
  };
}

/** The evaluation in which solved questions stand before each prompt. */
function withShots(evaluation: Evaluation, shots: readonly Shot[]): Evaluation {
  const { generate, logProbabilities } = evaluation;
  return {
    get examples() {
      return evaluation.examples;
    },
    crossEntropy: evaluation.crossEntropy,
    crossEntropies: evaluation.crossEntropies,
    generate: (prompts, options) =>
      generate(
        prompts.map((prompt) => promptWithShots(prompt, shots)),
        options,
      ),
    logProbabilities: (answers) =>
      logProbabilities(answers.map((each) => ({ ...each, prompt: promptWithShots(each.prompt, shots) }))),
  };
}

function tooFew(shots: number, rows: number): EvolveError {
  const message = `--few-shot ${shots}: of the ${rows} rows too few are a question with one answer`;
  const advice = `${shots} rows are shown solved, and at least one must be left to be asked. Name more data, or fewer solved questions.`;
  return new EvolveError('COMMAND_LINE', message, advice);
}
