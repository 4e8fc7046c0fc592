/**
 * A run from top to bottom: read the data, assemble the model, train, evaluate, save. Other files do the parts. This one has
 * the order, and says what happens when something goes wrong.
 */

import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { inject, injectable } from 'tsyringe';
import { interruptionOf, strayErrorOf, unlessAborted } from '../base/breath.js';
import { quoted } from '../base/command-line.js';
import { EvolveError, messageOf } from '../base/errors.js';
import {
  CONTEXT,
  EXAMPLE_READER,
  HOOKS,
  MODEL_ASSEMBLER,
  REQUESTS,
  ROW_MAKER,
  RUN_CONFIG,
  RUN_FOLDER,
} from '../base/injection-keys.js';
import { displayPath } from '../base/paths.js';
import type { RunConfig } from '../config/load.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { Device } from '../contracts/device.js';
import type { RunState } from '../contracts/state.js';
import type { RunResult } from '../contracts/tracker.js';
import type { ExampleReader } from '../data/examples.js';
import type { RowMaker, SplitRows } from '../data/rows.js';
import type { AssembledModel, ModelAssembler } from '../model/assemble.js';
import type { Hooks } from '../plugins/hooks.js';
import type { RunContext } from './context.js';
import type { RunFolder } from './folder.js';
import { type SaveWish, takeBack, trainingLoop } from './loop.js';
import { openWorld } from './plugin-parts.js';
import { newProgress } from './progress.js';
import type { RunRequests } from './requests.js';
import { resultOf, tellEnd } from './result.js';
import { RunWorld } from './run-world.js';
import { checkSavable, freedFault } from './savable.js';
import {
  countParameters,
  countRows,
  evaluationNotice,
  randomBaseNotice,
  warmupNotice,
} from './start-event.js';
import { restoreState, saveState } from './state.js';
import { countSteps, makeTraining, type Training, type TrainingBasis } from './training.js';

@injectable()
export class Trainer {
  #device: Device | null = null;
  #world: RunWorld | undefined;
  #parameters: RunResult['parameters'] = null;
  #rows: RunResult['rows'] = null;
  #claimed = false;
  #saves: LanguageModel['saves'] = 'adapter';
  readonly #progress = newProgress();
  #training: Training | undefined;
  /** Undefined while nothing is saved. */
  #savedStep: number | undefined;
  /** What is saved stays, until a plugin asks for another save. */
  #isKept = false;

  constructor(
    @inject(RUN_CONFIG) private readonly config: RunConfig,
    @inject(HOOKS) private readonly hooks: Hooks,
    @inject(EXAMPLE_READER) private readonly reader: ExampleReader,
    @inject(ROW_MAKER) private readonly rowMaker: RowMaker,
    @inject(MODEL_ASSEMBLER) private readonly assembler: ModelAssembler,
    @inject(RUN_FOLDER) private readonly folder: RunFolder,
    @inject(CONTEXT) private readonly context: RunContext,
    @inject(REQUESTS) private readonly requests: RunRequests,
  ) {}

  /**
   * Runs to the end. If it fails, run.json says why, the `done` hook is called all the same, and the error is thrown.
   *
   * @param from the state of an earlier run of the same configuration. It does not have the adapter's variables
   */
  async run(from?: RunState): Promise<RunResult> {
    const startedAt = performance.now();
    const { signal } = this.context;
    let assembled: AssembledModel | undefined;
    let failure: unknown;
    try {
      const opened = await unlessAborted(openWorld(this.hooks), signal);
      this.#world = new RunWorld(opened, signal, () => this.#interruption());
      this.context.world = this.#world;
      if (this.#writes) await this.folder.check();
      // The data comes before the model: its faults are then found in seconds, whatever the model's size.
      const examples = await this.reader.read();
      await this.#breathe();
      this.#device = await this.assembler.openDevice();
      assembled = await this.assembler.assemble();
      this.context.assembled(assembled);
      this.#saves = assembled.model.saves;
      const rows = await this.rowMaker.prepare(examples, assembled, () => this.#breathe());
      await this.#train(assembled, rows, from);
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
    assembled?.dispose();
    if (failure !== undefined) throw failure;
    return result;
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

  async #train(assembled: AssembledModel, rows: SplitRows, from: RunState | undefined): Promise<void> {
    const basis: TrainingBasis = {
      train: this.config.train,
      device: this.#device,
      rows,
      progress: this.#progress,
      world: this.#world as RunWorld,
      hooks: this.hooks,
      context: this.context,
      breathe: () => this.#breathe(),
    };
    if (this.#writes) {
      await this.folder.claim((name, kind) => this.assembler.pinned(name, kind));
      this.#claimed = true;
    }
    this.#announce(assembled.model, rows, countSteps(basis).totalSteps);
    const training = await makeTraining(assembled, basis);
    this.#training = training;
    try {
      if (from) await restoreState(from, training);
      await trainingLoop(training, {
        requests: this.requests,
        rowsOfEpoch: (epoch) => this.rowMaker.ofEpoch(rows.train, epoch),
        save: (asked) => this.#saveUnlessKept(training.model, asked),
        kept: (verb) => this.#kept(verb),
      });
    } catch (error) {
      const freed = freedFault(training.model.trainable);
      if (!freed) await this.#saveAfterFailure(training);
      throw error instanceof EvolveError ? error : (freed ?? error);
    } finally {
      this.#training = undefined;
      training.undo.dispose();
      training.optimizer.dispose();
    }
  }

  async #saveUnlessKept(model: LanguageModel, { isAsked, keep }: SaveWish): Promise<void> {
    if (this.#isKept && !isAsked) return;
    await this.#save(model);
    this.#isKept ||= keep;
  }

  async #save(model: LanguageModel): Promise<void> {
    const { step } = this.#progress;
    await checkSavable(model.trainable, step);
    if (this.#writes) await this.folder.save(model, step);
    this.#savedStep = step;
  }

  /** Keeps what was learned so far, whatever ended the run. A last step that cannot be saved is taken back. */
  async #saveAfterFailure(training: Training): Promise<void> {
    if (this.#isKept || this.#progress.step === (this.#savedStep ?? 0)) return;
    await this.#save(training.model).catch(async (error: unknown) => {
      const { step } = this.#progress;
      const message = `the ${this.#saves} of step ${step} cannot be saved: ${messageOf(error)}`;
      const kept = this.#savedStep ? `; that of step ${this.#savedStep} is kept` : '';
      this.hooks.log.call({ type: 'notice', message: `${message}${kept}` });
      const isNotFinite = error instanceof EvolveError && error.code === 'NOT_FINITE';
      if (isNotFinite && takeBack(training)) await this.#saveAfterFailure(training);
    });
  }

  #announce(model: LanguageModel, rows: SplitRows, steps: number): void {
    const { train, data } = this.config;
    this.#parameters = countParameters(model);
    this.#rows = countRows(rows, data.packing);
    this.hooks.log.call({
      type: 'start',
      output: this.folder.path,
      device: this.#device?.name ?? '',
      backbone: model.backbone,
      parameters: this.#parameters.total,
      trainableParameters: this.#parameters.trainable,
      ...this.#rows,
      steps,
    });
    const waiting = this.hooks.evaluate.taps.map(({ name }) => name);
    for (const message of [
      randomBaseNotice(this.config.model.init, this.#saves),
      warmupNotice(train, steps),
      evaluationNotice(rows, waiting),
    ])
      if (message) this.hooks.log.call({ type: 'notice', message });
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
    const next = [this.#kept('is').trimEnd(), advice, this.#goOn()].filter((text) => text !== '').join(' ');
    return new EvolveError(code, how, next, { cause: reason });
  }

  /** The step whose adapter or model the run leaves, if it ends now. */
  get #stepLeft(): number {
    return (this.#isKept ? this.#savedStep : undefined) ?? this.#progress.step;
  }

  /** Says where the result so far will be. */
  #kept(verb: string): string {
    const step = this.#stepLeft;
    if (step === 0) return '';
    return `The ${this.#saves} of step ${step} ${verb} in ${displayPath(this.folder.path)}/${this.#saves}. `;
  }

  /** Says how a run can begin with what this one learned. */
  #goOn(): string {
    if (this.#stepLeft === 0) return '';
    const key = this.#saves === 'adapter' ? 'adapter.init' : 'model.path';
    const folder = path.join(this.folder.path, this.#saves);
    const words = ['--set', `${key}=${folder}`, '--output', `${displayPath(this.folder.path)}-on`];
    return `To train on from it: the same command with ${words.map(quoted).join(' ')}`;
  }

  #result(failure: unknown, seconds: number): RunResult {
    const facts = {
      output: this.folder.path,
      device: this.#device,
      requestedDevice: this.config.device.name,
      parameters: this.#parameters,
      rows: this.#rows,
      savedStep: this.#savedStep ?? null,
    };
    const { stopReason } = this.requests;
    return resultOf(facts, this.#progress, { failure, stopReason }, seconds);
  }
}
