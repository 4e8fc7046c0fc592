/**
 * A run from top to bottom: read the data, assemble the model, train, evaluate, save. What each part does is
 * elsewhere; the order, and what happens when something goes wrong, is here.
 */

import { setImmediate } from 'node:timers/promises';
import { inject, injectable } from 'tsyringe';
import { chunk } from '../base/collections.js';
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
import { shown } from '../base/paths.js';
import type { RunConfig } from '../config/load.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { Device } from '../contracts/device.js';
import type { Encoder } from '../contracts/encoder.js';
import type { Schedule } from '../contracts/schedule.js';
import type { RunProgress, RunState } from '../contracts/state.js';
import type { LogEvent, RunResult } from '../contracts/tracker.js';
import type { World } from '../contracts/world.js';
import type { ExampleReader } from '../data/examples.js';
import type { Row } from '../data/packing.js';
import type { RowMaker, SplitRows } from '../data/rows.js';
import type { AssembledModel, ModelAssembler } from '../model/assemble.js';
import type { Hooks } from '../plugins/hooks.js';
import type { RunContext } from './context.js';
import type { RunRequests } from './control.js';
import { evaluationOf, heldOutLoss } from './evaluate.js';
import type { RunFolder } from './folder.js';
import { makeObjective, makeOptimizer, makeSchedule, openWorld } from './parts.js';
import { newProgress, newWindow, stepEvent } from './progress.js';
import { resultOf } from './result.js';
import { countParameters, countRows, warmupNotice } from './start.js';
import { restoreState, saveState } from './state.js';
import { notFinite, optimizerStep, type StepFault, type StepParts, type StepResult } from './step.js';
import { Undo } from './undo.js';

/** All that a training loop works with. */
interface Training extends StepParts {
  readonly encoder: Encoder;
  readonly schedule: Schedule;
  readonly rows: SplitRows;
  readonly totalSteps: number;
}

@injectable()
export class Trainer {
  #device: Device | null = null;
  #world: World | undefined;
  #parameters: RunResult['parameters'] = null;
  #rows: RunResult['rows'] = null;
  #claimed = false;
  #saves: LanguageModel['saves'] = 'adapter';
  #progress: RunProgress = newProgress();
  #training: Training | undefined;
  #savedAtStep = 0;

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
   * Runs to the end; on failure run.json says why, the `done` hook is called all the same, and the error is thrown.
   *
   * @param from where an earlier run of the same configuration was; the adapter's variables are not part of it
   */
  async run(from?: RunState): Promise<RunResult> {
    const startedAt = performance.now();
    let model: LanguageModel | undefined;
    let failure: unknown;
    try {
      this.#world = await openWorld(this.hooks);
      this.context.world = this.#world;
      if (this.#writes) await this.folder.check();
      // The data comes before the model: a fault in it is then found in seconds, whatever the model's size.
      const examples = await this.reader.read();
      this.#device = await this.assembler.openDevice();
      const assembled = await this.assembler.assemble();
      model = assembled.model;
      this.context.model = model;
      this.#saves = model.saves;
      const rows = await this.rowMaker.prepare(examples, assembled, () => this.#breathe());
      await this.#train(assembled, rows, from);
    } catch (error) {
      failure = error;
    }
    const result = this.#result(failure, (performance.now() - startedAt) / 1000);
    try {
      if (this.#claimed) await this.folder.writeResult(result);
      await this.hooks.done.promise(result);
    } catch (error) {
      // What failed first is what the person must hear of.
      failure ??= error;
    } finally {
      model?.dispose();
    }
    if (failure !== undefined) throw failure;
    return result;
  }

  /**
   * Where the run is, for a later one to go on from; to be asked in taps of `evaluate` and `save`, when all is told of the
   * step. Its tensors are the optimizer's own, and change with the next step.
   */
  async state(): Promise<RunState> {
    if (!this.#training) throw new Error('the run trains nothing yet, or no more');
    return saveState(this.#progress, this.#training, this.hooks);
  }

  /** Only one process of a run claims the folder and writes. */
  get #writes(): boolean {
    return this.#world?.rank === 0;
  }

  async #train({ model, encoder }: AssembledModel, rows: SplitRows, from?: RunState): Promise<void> {
    const { train } = this.config;
    const rowsPerStep = train.perDeviceBatchSize * train.gradientAccumulationSteps;
    const totalSteps = train.maxSteps ?? Math.ceil(rows.train.length / rowsPerStep) * train.epochs;
    this.#announce(model, rows, totalSteps);
    if (this.#writes) {
      await this.folder.claim((name, kind) => this.assembler.pinned(name, kind));
      this.#claimed = true;
    }
    const training: Training = {
      train,
      model,
      encoder,
      rows,
      totalSteps,
      objective: await makeObjective(this.hooks, model),
      optimizer: await makeOptimizer(this.hooks, train, model),
      schedule: await makeSchedule(this.hooks, train, totalSteps),
      undo: new Undo(model.trainable),
      world: this.#world as World,
      hooks: this.hooks,
      context: this.context,
      breathe: () => this.#breathe(),
    };
    this.#training = training;
    try {
      if (from) {
        this.#progress = await restoreState(from, training, this.hooks);
        this.#tellContext(training);
      }
      await this.#loop(training, rowsPerStep);
    } catch (error) {
      await this.#saveAfterFailure(model);
      throw error;
    } finally {
      this.#training = undefined;
      training.undo.dispose();
      training.optimizer.dispose();
    }
  }

  async #loop(training: Training, rowsPerStep: number): Promise<void> {
    const progress = this.#progress;
    const isOver = () => progress.step === training.totalSteps || this.requests.stopReason !== undefined;
    for (; !isOver(); progress.epoch++, progress.row = 0) {
      const order = this.rowMaker.ofEpoch(training.rows.train, progress.epoch);
      for (const stepRows of chunk(order.slice(progress.row), rowsPerStep)) {
        await this.#step(training, stepRows, isOver);
        if (isOver()) return;
      }
    }
  }

  /** One optimizer step, and what is due after it. */
  async #step(training: Training, rows: readonly Row[], isOver: () => boolean): Promise<void> {
    const { train, model, schedule } = training;
    const progress = this.#progress;
    const startedAt = performance.now();
    const learningRate = schedule.learningRateAt(progress.step);
    const done = await optimizerStep(training, rows, learningRate);
    if ('code' in done) return this.#fail(done, training);
    this.#count(done, rows.length, startedAt);
    this.#tellContext(training);

    const event = stepEvent(progress, this.context.epoch, learningRate, done.gradNorm);
    progress.metrics.firstLoss ??= event.loss;
    progress.metrics.lastLoss = event.loss;
    await this.hooks.step.promise(event);
    const isDue = (every: number) => progress.step % every === 0 || isOver();
    const tell = () => {
      this.#tell(event);
      progress.window = newWindow();
    };
    if (isDue(train.logEvery)) tell();
    if (this.requests.take('evaluate') || isDue(train.evalEvery)) await this.#evaluate(training);
    // A tap of `evaluate` may have stopped the run.
    if (isOver() && progress.window.tokens > 0) tell();
    if (this.requests.take('save') || isDue(train.saveEvery)) await this.#save(model);
  }

  /** Puts a step into the books. */
  #count(done: StepResult, rows: number, startedAt: number): void {
    const progress = this.#progress;
    const { window } = progress;
    window.lossSum += done.loss * done.targets;
    window.targets += done.targets;
    window.tokens += done.tokens;
    window.seconds += (performance.now() - startedAt) / 1000;
    progress.step++;
    progress.row += rows;
  }

  /** Lets hooks know where the run is. */
  #tellContext({ train, rows }: Training): void {
    const progress = this.#progress;
    const rowsPerStep = train.perDeviceBatchSize * train.gradientAccumulationSteps;
    const [steps, all] = [progress.row, rows.train.length].map((number) => Math.ceil(number / rowsPerStep));
    this.context.step = progress.step;
    this.context.epoch = progress.epoch + steps / all;
  }

  async #evaluate(training: Training): Promise<void> {
    const { validation } = training.rows;
    if (validation.length === 0) return;
    const evalLoss = await heldOutLoss(training, validation);
    if (!Number.isFinite(evalLoss))
      this.#fail(notFinite('held-out loss', this.#progress.step, evalLoss), training);
    const metrics = await this.hooks.evaluate.promise({ evalLoss }, evaluationOf(training, this.#device));
    this.#progress.metrics.evalLoss = metrics.evalLoss;
    this.#tell({ type: 'eval', step: this.#progress.step, ...metrics });
  }

  async #save(model: LanguageModel): Promise<void> {
    if (this.#writes) await this.folder.save(model, this.#progress.step);
    this.#savedAtStep = this.#progress.step;
  }

  /** What was learned until now is worth keeping, whatever ended the run. */
  async #saveAfterFailure(model: LanguageModel): Promise<void> {
    if (this.#progress.step === this.#savedAtStep) return;
    await this.#save(model).catch((error: unknown) => {
      this.#tell({ type: 'notice', message: messageOf(error) });
    });
  }

  #announce(model: LanguageModel, rows: SplitRows, steps: number): void {
    const { train, data } = this.config;
    this.#parameters = countParameters(model);
    this.#rows = countRows(rows, data.packing);
    this.#tell({
      type: 'start',
      output: this.folder.path,
      device: this.#device?.name ?? '',
      backbone: model.backbone,
      parameters: this.#parameters.total,
      trainableParameters: this.#parameters.trainable,
      ...this.#rows,
      steps,
    });
    const message = warmupNotice(train, steps);
    if (message) this.#tell({ type: 'notice', message });
  }

  #tell(event: LogEvent): void {
    this.hooks.log.call(event);
  }

  /** Ends the run with the variables as they were when all was well. */
  #fail({ code, message }: StepFault, { undo }: Training): never {
    if (undo.undo()) this.context.step = --this.#progress.step;
    const advice = 'Lower train.learningRate, or lengthen train.warmupSteps.';
    throw new EvolveError(code, message, `${this.#kept('is kept')}${advice}`);
  }

  /** Lets signals and timers through; ends the run where the person interrupted it. */
  async #breathe(): Promise<void> {
    await setImmediate();
    if (!this.context.signal.aborted) return;
    const message = `interrupted after ${this.#progress.step} steps`;
    throw new EvolveError('INTERRUPTED', message, this.#kept('is').trimEnd());
  }

  /** Where what was learned so far will be. */
  #kept(verb: string): string {
    const { step } = this.#progress;
    if (step === 0) return '';
    return `The ${this.#saves} of step ${step} ${verb} in ${shown(this.folder.path)}/${this.#saves}. `;
  }

  #result(failure: unknown, seconds: number): RunResult {
    const facts = {
      output: this.folder.path,
      device: this.#device,
      requestedDevice: this.config.device.name,
      parameters: this.#parameters,
      rows: this.#rows,
    };
    const { stopReason } = this.requests;
    return resultOf(facts, this.#progress, { failure, stopReason }, seconds);
  }
}
