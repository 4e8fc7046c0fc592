/**
 * A run from top to bottom: read the data, assemble the model, train, evaluate, save. Other files do the parts. This one has
 * the order, and says what happens when something goes wrong.
 */

import { setImmediate } from 'node:timers/promises';
import { inject, injectable } from 'tsyringe';
import { interruptionOf, strayErrorOf, unlessAborted } from '../base/breath.js';
import { EvolveError } from '../base/errors.js';
import {
  BAD_ROWS,
  CONTEXT,
  HOOKS,
  PLANNER,
  PREPARATION,
  REQUESTS,
  RUN_CHECKPOINTS,
  RUN_CONFIG,
  RUN_FOLDER,
  RUN_SAVES,
} from '../base/injection-keys.js';
import type { RunConfig } from '../config/load.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { RunState } from '../contracts/state.js';
import type { RunResult } from '../contracts/tracker.js';
import type { BadRows } from '../data/bad-rows.js';
import type { SplitRows } from '../data/rows.js';
import type { Hooks } from '../plugins/hooks.js';
import { agreeOnParts, agreeOnSettings } from './agreement.js';
import { checkMetric, waitingKeys } from './best-model.js';
import type { FoundCheckpoint, RunCheckpoints } from './checkpoints/run-checkpoints.js';
import type { RunContext } from './context.js';
import type { RunFolder } from './folder.js';
import { trainingLoop } from './loop.js';
import type { Plan } from './plan.js';
import type { Planner } from './planner.js';
import { openWorld } from './plugin-parts.js';
import type { Preparation, Prepared } from './preparation.js';
import { probe } from './probe.js';
import { newProgress } from './progress.js';
import type { RunRequests } from './requests.js';
import { resultOf, tellEnd } from './result.js';
import { RunWorld } from './run-world.js';
import { freedFault } from './savable.js';
import type { RunSaves } from './saves.js';
import { countParameters, countRows, startNotices } from './start-event.js';
import { restoreState, saveState } from './state.js';
import { countSteps, makeTraining, type Training, type TrainingBasis } from './training.js';

/** From where a run goes on. Without either it starts anew. */
export interface RunStart {
  /** The state of an earlier run of the same configuration. It does not have the adapter's variables. */
  readonly from?: RunState;
  /** From the newest checkpoint in the output folder; if there is none, the run starts anew and says so. */
  readonly resume?: boolean | undefined;
}

@injectable()
export class Trainer {
  #world: RunWorld | undefined;
  #parameters: RunResult['parameters'] = null;
  #rows: RunResult['rows'] = null;
  #claimed = false;
  #planHash: string | undefined;
  readonly #progress = newProgress();
  #training: Training | undefined;
  #resumedFrom: number | undefined;
  #proof: RunResult['proof'];

  constructor(
    @inject(RUN_CONFIG) private readonly config: RunConfig,
    @inject(HOOKS) private readonly hooks: Hooks,
    @inject(PREPARATION) private readonly preparation: Preparation,
    @inject(PLANNER) private readonly planner: Planner,
    @inject(BAD_ROWS) private readonly badRows: BadRows,
    @inject(RUN_FOLDER) private readonly folder: RunFolder,
    @inject(RUN_CHECKPOINTS) private readonly checkpoints: RunCheckpoints,
    @inject(RUN_SAVES) private readonly saves: RunSaves,
    @inject(CONTEXT) private readonly context: RunContext,
    @inject(REQUESTS) private readonly requests: RunRequests,
  ) {}

  /** Runs to the end. If it fails, run.json says why, the `done` hook is called all the same, and the error is thrown. */
  async run(start: RunStart = {}): Promise<RunResult> {
    const startedAt = performance.now();
    const { signal } = this.context;
    let failure: unknown;
    try {
      await this.#openWorld();
      const checkpoint = start.resume ? await this.#findCheckpoint() : undefined;
      const prepared = await this.preparation.make(() => this.#breathe());
      await this.#train(prepared, start.from, checkpoint);
    } catch (error) {
      failure = error;
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const result = this.#result(failure, seconds);
    // The person must hear what failed first.
    const note = (error: unknown) => {
      failure ??= error;
    };
    if (this.#claimed) await this.folder.writeResult(result).catch(note);
    await tellEnd(this.hooks, result).catch(note);
    note(strayErrorOf(signal));
    // A failure of the very end makes the run a failed one too, although all is saved.
    if (this.#claimed && failure !== undefined && !result.error)
      await this.folder.writeResult(this.#result(failure, seconds)).catch(note);
    await this.folder.release().catch(note);
    await this.preparation.free().catch(note);
    if (failure !== undefined) throw failure;
    return result;
  }

  /** What `run` will do. It is measured, with two steps that are forgotten; nothing is written. */
  async plan(): Promise<Plan> {
    try {
      await this.#openWorld();
      const prepared = await this.preparation.make(() => this.#breathe());
      await this.checkpoints.prepare(prepared.model);
      const training = await makeTraining(prepared, this.#basisOf(prepared.rows));
      try {
        return this.planner.planOf(prepared, this.preparation.device, await probe(training));
      } finally {
        training.undo.dispose();
        training.optimizer.dispose();
      }
    } finally {
      await this.preparation.free();
    }
  }

  /**
   * The state of the run, from which a later one can go on. Call it in taps of `evaluate` and `save`, when the step's events
   * are told. Its tensors are the optimizer's own, and change with the next step.
   */
  async state(): Promise<RunState> {
    if (!this.#training) throw new Error('the run trains nothing yet, or no more');
    return saveState(this.#training);
  }

  /** Only one process of a run claims the folder and writes. */
  get #writes(): boolean {
    return this.#world?.rank === 0;
  }

  async #openWorld(): Promise<void> {
    const { signal } = this.context;
    const opened = await unlessAborted(openWorld(this.hooks), signal);
    this.#world = new RunWorld(opened, signal, () => this.#interruption());
    this.context.world = this.#world;
    await agreeOnSettings(this.#world, this.config);
    if (this.#writes) await this.folder.check();
  }

  /** The lock comes first: a run that ends just now would prune what was found. */
  async #findCheckpoint(): Promise<FoundCheckpoint | undefined> {
    if (this.#writes) await this.folder.hold();
    return this.checkpoints.find();
  }

  async #train(
    prepared: Prepared,
    from: RunState | undefined,
    checkpoint: FoundCheckpoint | undefined,
  ): Promise<void> {
    const { model, rows } = prepared;
    const basis = this.#basisOf(rows);
    checkMetric(this.config.train, this.hooks.evaluate.isUsed());
    await this.checkpoints.prepare(model);
    const known = this.checkpoints.fingerprintsOf(rows);
    await agreeOnParts(basis, model, known, checkpoint?.facts.step);
    // Before the first write: a run that is refused leaves all as it was.
    if (checkpoint) this.checkpoints.compare(checkpoint, rows, countSteps(basis).totalSteps);
    if (this.#writes) {
      const pinned = (name: string, kind: 'model' | 'adapter') => this.preparation.pinned(name, kind);
      await (checkpoint === undefined ? this.folder.claim(pinned) : this.folder.reclaim(pinned));
      this.#claimed = true;
      await this.folder.writeSkipped(this.badRows.rows);
      const plan = this.planner.planOf(prepared, this.preparation.device);
      this.#planHash = plan.hash;
      await this.folder.writePlan(plan);
    }
    this.#resumedFrom = checkpoint?.facts.step;
    this.#announce(model, rows, countSteps(basis).totalSteps);
    const training = await makeTraining(prepared, basis);
    this.#training = training;
    try {
      if (from) await restoreState(from, training);
      await this.saves.begin(training, checkpoint);
      await this.#steps(training, rows);
      this.#proof = await this.saves.prove(training);
    } finally {
      this.#training = undefined;
      training.undo.dispose();
      training.optimizer.dispose();
    }
  }

  #basisOf(rows: SplitRows): TrainingBasis {
    return {
      train: this.config.train,
      device: this.preparation.device,
      rows,
      progress: this.#progress,
      world: this.#world as RunWorld,
      hooks: this.hooks,
      context: this.context,
      breathe: () => this.#breathe(),
    };
  }

  /** The steps; whatever ends them, what was learned is saved. */
  async #steps(training: Training, rows: SplitRows): Promise<void> {
    try {
      await trainingLoop(training, {
        requests: this.requests,
        rowsOfEpoch: (epoch) => rows.train.pass(epoch),
        save: (asked) => this.saves.save(training, asked),
        kept: (verb) => this.saves.kept(verb),
      });
    } catch (error) {
      const freed = freedFault(training.model.trainable);
      if (!freed) await this.saves.saveAfter(error, training);
      throw error instanceof EvolveError ? error : (freed ?? error);
    }
  }

  #announce(model: LanguageModel, rows: SplitRows, steps: number): void {
    const { train, data } = this.config;
    this.#parameters = countParameters(model);
    this.#rows = countRows(rows, data.packing);
    this.hooks.log.call({
      type: 'start',
      output: this.folder.path,
      device: this.preparation.device?.name ?? '',
      backbone: model.backbone,
      parameters: this.#parameters.total,
      trainableParameters: this.#parameters.trainable,
      ...this.#rows,
      steps,
      ...(this.#resumedFrom !== undefined && { resumedFrom: this.#resumedFrom }),
    });
    const waiting = [...this.hooks.evaluate.taps.map(({ name }) => name), ...waitingKeys(train)];
    for (const message of startNotices(this.config, model, rows, { steps, waiting }))
      this.hooks.log.call({ type: 'notice', message });
  }

  /**
   * Lets signals and timers through. Ends the run if the person interrupted it; but if it has several processes and trains, all
   * learn of it in their next total.
   */
  async #breathe(): Promise<void> {
    await setImmediate();
    const tellsOthers = this.#training?.world.isEnding;
    if (this.context.signal.aborted && !tellsOthers) throw this.#interruption();
  }

  /** The error with which the run ends because this process was interrupted, or another one. */
  #interruption(): unknown {
    const { signal } = this.context;
    const ofAnother = new EvolveError(
      'INTERRUPTED',
      'interrupted',
      'Another process of the run was interrupted.',
    );
    const reason = signal.aborted ? interruptionOf(signal) : ofAnother;
    if (!(reason instanceof EvolveError)) return reason;
    const { code, message, advice } = reason;
    const { step: done } = this.#progress;
    const how = code === 'INTERRUPTED' ? `${message} after ${done} step${done === 1 ? '' : 's'}` : message;
    const next = [this.saves.kept('is').trimEnd(), advice, this.saves.goOn()]
      .filter((text) => text !== '')
      .join(' ');
    return new EvolveError(code, how, next, { cause: reason });
  }

  #result(failure: unknown, seconds: number): RunResult {
    const facts = {
      output: this.folder.path,
      device: this.preparation.device,
      requestedDevice: this.config.device.name,
      parameters: this.#parameters,
      rows: this.#rows,
      savedStep: this.saves.savedStep ?? null,
      resumedFrom: this.#resumedFrom,
      plan: this.#planHash,
      metric: this.config.train.metricForBestModel,
      proof: this.#proof,
    };
    const { stopReason } = this.requests;
    return resultOf(facts, this.#progress, { failure, stopReason }, seconds);
  }
}
