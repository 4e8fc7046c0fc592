/**
 * A run from top to bottom: read the data, assemble the model, train, evaluate, save. What each part does is
 * elsewhere; the order, and what happens when something goes wrong, is here.
 */

import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { inject, injectable } from 'tsyringe';
import { EvolveError, messageOf } from '../base/errors.js';
import {
  EXAMPLE_READER,
  HOOKS,
  MODEL_ASSEMBLER,
  ROW_MAKER,
  RUN_CONFIG,
  RUN_FOLDER,
  SIGNAL,
} from '../base/injection-keys.js';
import { shown } from '../base/paths.js';
import { deriveSeed } from '../base/random.js';
import { packageVersion } from '../base/version.js';
import type { RunConfig } from '../config/load.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { Batch } from '../contracts/batch.js';
import type { Device } from '../contracts/device.js';
import type { Pass } from '../contracts/pass.js';
import type { RunResult, StepEvent } from '../contracts/tracker.js';
import type { ExampleReader } from '../data/examples.js';
import type { Row } from '../data/packing.js';
import { chunk, type RowMaker, type SplitRows } from '../data/rows.js';
import type { ModelAssembler } from '../model/assemble.js';
import { parameterSizes } from '../model/count.js';
import { variableGradients } from '../ops/gradients.js';
import type { Gradients, Hooks, Metrics } from '../plugins/hooks.js';
import type { RunFolder } from './folder.js';
import { learningRateAt, Optimizer } from './optimizer.js';

const EVALUATION: Pass = { training: false, seed: 0, checkpointing: false };

/** What the steps since the last log event did. */
interface Window {
  lossSum: number;
  targets: number;
  tokens: number;
  startedAt: number;
}

@injectable()
export class Trainer {
  #device: Device | null = null;
  #parameters: RunResult['parameters'] = null;
  #rows: RunResult['rows'] = null;
  #claimed = false;
  #saves: LanguageModel['saves'] = 'adapter';
  #step = 0;
  #savedAtStep = 0;
  #firstLoss: number | null = null;
  #lastLoss: number | null = null;
  #evalLoss: number | null = null;

  constructor(
    @inject(RUN_CONFIG) private readonly config: RunConfig,
    @inject(HOOKS) private readonly hooks: Hooks,
    @inject(EXAMPLE_READER) private readonly reader: ExampleReader,
    @inject(ROW_MAKER) private readonly rowMaker: RowMaker,
    @inject(MODEL_ASSEMBLER) private readonly assembler: ModelAssembler,
    @inject(RUN_FOLDER) private readonly folder: RunFolder,
    @inject(SIGNAL) private readonly signal: AbortSignal,
  ) {}

  /** Runs to the end; on failure run.json says why, the `done` hook is called all the same, and the error is thrown. */
  async run(): Promise<RunResult> {
    const startedAt = performance.now();
    let model: LanguageModel | undefined;
    let failure: unknown;
    try {
      await this.folder.check();
      // The data comes before the model: a fault in it is then found in seconds, whatever the model's size.
      const examples = await this.reader.read();
      this.#device = await this.assembler.openDevice();
      const assembled = await this.assembler.assemble();
      model = assembled.model;
      this.#saves = model.saves;
      const rows = await this.rowMaker.prepare(examples, assembled, () => this.#breathe());
      await this.#train(model, rows);
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

  async #train(model: LanguageModel, rows: SplitRows): Promise<void> {
    const { train } = this.config;
    const rowsPerStep = train.perDeviceBatchSize * train.gradientAccumulationSteps;
    const stepsPerEpoch = Math.ceil(rows.train.length / rowsPerStep);
    const totalSteps = train.maxSteps ?? stepsPerEpoch * train.epochs;
    this.#announce(model, rows, totalSteps);
    await this.folder.claim((name, kind) => this.assembler.pinned(name, kind));
    this.#claimed = true;

    const optimizer = new Optimizer(model.trainable, train);
    try {
      let window = newWindow();
      for (let epoch = 0; this.#step < totalSteps; epoch++) {
        const stepsOfEpoch = chunk(this.rowMaker.ofEpoch(rows.train, epoch), rowsPerStep);
        for (const [i, stepRows] of stepsOfEpoch.entries()) {
          const learningRate = learningRateAt(this.#step, train, totalSteps);
          const gradNorm = await this.#optimizerStep(model, optimizer, stepRows, learningRate, window);
          this.#step++;

          const event = stepEvent(
            window,
            this.#step,
            epoch + (i + 1) / stepsPerEpoch,
            learningRate,
            gradNorm,
          );
          this.#firstLoss ??= event.loss;
          this.#lastLoss = event.loss;
          await this.hooks.step.promise(event, model);
          const isLast = this.#step === totalSteps;
          if (this.#step % train.logEvery === 0 || isLast) {
            this.hooks.log.call(event);
            window = newWindow();
          }
          if (this.#step % train.evalEvery === 0 || isLast) {
            const pausedAt = performance.now();
            await this.#evaluate(model, rows.validation, optimizer);
            window.startedAt += performance.now() - pausedAt;
          }
          if (this.#step % train.saveEvery === 0 || isLast) await this.#save(model);
          if (isLast) break;
        }
      }
    } catch (error) {
      await this.#saveAfterFailure(model);
      throw error;
    } finally {
      optimizer.dispose();
    }
  }

  /** Gradients over all micro-batches, one update; returns the gradients' norm. */
  async #optimizerStep(
    model: LanguageModel,
    optimizer: Optimizer,
    rows: readonly Row[],
    learningRate: number,
    window: Window,
  ): Promise<number> {
    const batches = chunk(rows, this.config.train.perDeviceBatchSize).map((part) =>
      model.collate(part.flat()),
    );
    // The loss is the mean over all target tokens of the step, so that a token counts the same in whichever
    // micro-batch it is; the mean of the micro-batches' means would favour those with few.
    const targets = sum(batches.map((batch) => batch.targets));
    let gradients: Gradients = new Map();
    try {
      let loss = 0;
      for (const [i, batch] of batches.entries()) {
        await this.#breathe();
        const micro = this.#gradientsOf(model, batch, targets, i);
        gradients = addInto(gradients, micro.gradients);
        loss += await takeNumber(micro.loss);
      }
      this.#requireFinite('loss', loss, this.#step + 1, optimizer);
      gradients = await this.hooks.gradients.promise(gradients);
      const norm = await optimizer.norm(gradients);
      this.#requireFinite('gradient norm', norm, this.#step + 1, optimizer);
      this.#requireGradient(norm, optimizer);
      optimizer.update(gradients, norm, learningRate);
      window.lossSum += loss * targets;
      window.targets += targets;
      window.tokens += sum(batches.map((batch) => batch.inputIds.length));
      return norm;
    } finally {
      tf.dispose([...gradients.values()]);
    }
  }

  #gradientsOf(model: LanguageModel, batch: Batch, targets: number, microBatch: number) {
    const { seed, gradientCheckpointing } = this.config.train;
    const pass: Pass = {
      training: true,
      seed: deriveSeed(seed, 'pass', this.#step, microBatch),
      checkpointing: gradientCheckpointing,
    };
    return variableGradients(() => {
      const summed = this.hooks.loss.call(model.crossEntropy(batch, pass), batch, model);
      return tf.div(summed, targets) as tf.Scalar;
    }, model.trainable);
  }

  async #evaluate(model: LanguageModel, rows: readonly Row[], optimizer: Optimizer): Promise<void> {
    if (rows.length === 0) return;
    let lossSum = 0;
    let targets = 0;
    for (const part of chunk(rows, this.config.train.perDeviceBatchSize)) {
      await this.#breathe();
      const batch = model.collate(part.flat());
      lossSum += await takeNumber(tf.tidy(() => model.crossEntropy(batch, EVALUATION)));
      targets += batch.targets;
    }
    this.#requireFinite('held-out loss', lossSum / targets, this.#step, optimizer);
    const metrics: Metrics = await this.hooks.evaluate.promise({ evalLoss: lossSum / targets }, model);
    this.#evalLoss = metrics.evalLoss;
    this.hooks.log.call({ type: 'eval', step: this.#step, ...metrics });
  }

  async #save(model: LanguageModel): Promise<void> {
    await this.folder.save(model, this.#step);
    this.#savedAtStep = this.#step;
  }

  /** What was learned until now is worth keeping, whatever ended the run. */
  async #saveAfterFailure(model: LanguageModel): Promise<void> {
    if (this.#step === this.#savedAtStep) return;
    await this.#save(model).catch((error: unknown) => {
      this.hooks.log.call({ type: 'notice', message: messageOf(error) });
    });
  }

  #announce(model: LanguageModel, rows: SplitRows, steps: number): void {
    const trainableParameters = sum([...model.trainable.values()].map((variable) => variable.size));
    const parameters = sum([...parameterSizes(model).values()]);
    this.#parameters = { total: parameters, trainable: trainableParameters };
    this.#rows = {
      trainRows: rows.train.flat().length,
      ...(this.config.data.packing && { packedRows: rows.train.length }),
      validationRows: rows.validation.flat().length,
    };
    this.hooks.log.call({
      type: 'start',
      output: this.folder.path,
      device: this.#device?.name ?? '',
      backbone: model.backbone,
      parameters,
      trainableParameters,
      ...this.#rows,
      steps,
    });
    const { warmupSteps, learningRate } = this.config.train;
    if (warmupSteps >= steps) {
      const message = `the warm-up (${warmupSteps} steps) outlasts the run (${steps} steps): the learning rate never reaches ${learningRate}`;
      this.hooks.log.call({ type: 'notice', message });
    }
  }

  /** Ends the run with the variables as they were when all was well. */
  #fail(code: 'NOT_FINITE' | 'NO_GRADIENT', message: string, optimizer: Optimizer): never {
    if (optimizer.undo()) this.#step--;
    const kept =
      this.#step > 0
        ? `The ${this.#saves} of step ${this.#step} is kept in ${shown(this.folder.path)}/${this.#saves}. `
        : '';
    throw new EvolveError(code, message, `${kept}Lower train.learningRate, or lengthen train.warmupSteps.`);
  }

  #requireFinite(what: string, value: number, step: number, optimizer: Optimizer): void {
    if (Number.isFinite(value)) return;
    this.#fail('NOT_FINITE', `the ${what} of step ${step} is ${value}`, optimizer);
  }

  /** A gradient of exactly zero reaches nothing: the run would end well with an adapter that learns no more. */
  #requireGradient(norm: number, optimizer: Optimizer): void {
    if (norm > 0) return;
    const message = `the gradient of step ${this.#step + 1} is zero, so that the step would change nothing`;
    this.#fail('NO_GRADIENT', message, optimizer);
  }

  /** Lets signals and timers through; ends the run where the person interrupted it. */
  async #breathe(): Promise<void> {
    await setImmediate();
    if (!this.signal.aborted) return;
    const kept =
      this.#step > 0
        ? `The ${this.#saves} of step ${this.#step} is in ${shown(this.folder.path)}/${this.#saves}.`
        : '';
    throw new EvolveError('INTERRUPTED', `interrupted after ${this.#step} steps`, kept);
  }

  #result(failure: unknown, seconds: number): RunResult {
    const code = failure instanceof EvolveError ? failure.code : 'UNEXPECTED';
    const status = failure === undefined ? 'completed' : code === 'INTERRUPTED' ? 'interrupted' : 'failed';
    return {
      status,
      output: this.folder.path,
      steps: this.#step,
      device: this.#device && { ...this.#device, requested: this.config.device.name },
      parameters: this.#parameters,
      rows: this.#rows,
      firstLoss: this.#firstLoss,
      lastLoss: this.#lastLoss,
      evalLoss: this.#evalLoss,
      seconds: Math.round(seconds * 1000) / 1000,
      peakMemory: process.resourceUsage().maxRSS * 1024,
      versions: { evolve: packageVersion(), node: process.versions.node, tfjs: tf.version_core },
      ...(failure === undefined ? {} : { error: { code, message: messageOf(failure) } }),
    };
  }
}

/** The number that a scalar holds; the scalar is freed. */
async function takeNumber(scalar: tf.Scalar): Promise<number> {
  const [number] = await scalar.data();
  scalar.dispose();
  return number;
}

function newWindow(): Window {
  return { lossSum: 0, targets: 0, tokens: 0, startedAt: performance.now() };
}

function stepEvent(
  window: Window,
  step: number,
  epoch: number,
  learningRate: number,
  gradNorm: number,
): StepEvent {
  const { lossSum, targets, tokens, startedAt } = window;
  const tokensPerSecond = Math.round((tokens * 1e4) / (performance.now() - startedAt)) / 10;
  return {
    type: 'step',
    step,
    epoch,
    loss: lossSum / targets,
    learningRate,
    gradNorm,
    tokens,
    tokensPerSecond,
  };
}

/** The sums by name; what was added up before is freed. */
function addInto(sums: Gradients, gradients: ReadonlyMap<string, tf.Tensor>): Gradients {
  if (sums.size === 0) return gradients;
  const added = new Map<string, tf.Tensor>();
  for (const [name, gradient] of gradients) added.set(name, tf.add(sums.get(name) as tf.Tensor, gradient));
  tf.dispose([...sums.values(), ...gradients.values()]);
  return added;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
