/**
 * The lifecycle: every hook of a run in one frozen object. The trainer calls them. Plugins see a view of them (hooks-view.ts): they
 * can tap hooks but not call them, and each tap gets the run's context behind the arguments that stand here.
 *
 *     trainer.hooks.loadData.tap(async (source) => …);
 *     trainer.hooks.step.tap((event, { model }) => …, { stage: 10 });
 */

import {
  AsyncSeriesBailHook,
  AsyncSeriesHook,
  AsyncSeriesWaterfallHook,
  SyncHook,
  SyncWaterfallHook,
} from 'tapable';
import type { tf } from '../base/tf.js';
import type { SaveRequest } from '../contracts/adapter.js';
import type { LanguageModel, ModelRequest } from '../contracts/backbone.js';
import type { Batch } from '../contracts/batch.js';
import type { Checkpoint, CheckpointFiles, CheckpointWrite } from '../contracts/checkpoint.js';
import type { DataSource, Example } from '../contracts/dataset.js';
import type { Device, DeviceRequest } from '../contracts/device.js';
import type { Encoder, EncoderRequest } from '../contracts/encoder.js';
import type { LocateDataRequest, Located, LocatedData, LocateRequest } from '../contracts/hub.js';
import type { Evaluation, Metrics } from '../contracts/metric.js';
import type { Objective } from '../contracts/objective.js';
import type { Gradients, Optimizer, OptimizerRequest } from '../contracts/optimizer.js';
import type { Schedule, ScheduleRequest } from '../contracts/schedule.js';
import type { PluginStates } from '../contracts/state.js';
import type { Template, TemplateRequest } from '../contracts/template.js';
import type { LogEvent, RunResult, StepEvent } from '../contracts/tracker.js';
import type { World } from '../contracts/world.js';

/**
 * All hooks, in the order of a run. "Bail": the first answer other than undefined counts. "Waterfall": each tap gets what
 * the tap before it returned.
 */
export function createHooks() {
  return Object.freeze({
    /** Which processes train together? */
    openWorld: new AsyncSeriesBailHook<[], World | undefined>([], 'openWorld'),
    /** A data source -> its examples, by the dataset plugin that knows the format. */
    loadData: new AsyncSeriesBailHook<[DataSource], AsyncIterable<Example> | undefined>(
      ['source'],
      'loadData',
    ),
    /** Who computes? A device plugin makes its TensorFlow.js backend the active one and answers. */
    openDevice: new AsyncSeriesBailHook<[DeviceRequest], Device | undefined>(['request'], 'openDevice'),
    /** A name such as `owner/name` -> its files on this machine, by the hub that has them. */
    locateModel: new AsyncSeriesBailHook<[LocateRequest], Located | undefined>(['request'], 'locateModel'),
    /** A data set of a hub -> its files on this machine, by the hub that has them. */
    locateData: new AsyncSeriesBailHook<[LocateDataRequest], LocatedData | undefined>(
      ['request'],
      'locateData',
    ),
    /** How examples read, by the template plugin that the configuration names. */
    makeTemplate: new AsyncSeriesBailHook<[TemplateRequest], Template | undefined>(
      ['request'],
      'makeTemplate',
    ),
    /** A model's configuration and tokenizer -> its encoder, by the backbone that recognises it. */
    loadEncoder: new AsyncSeriesBailHook<[EncoderRequest], Encoder | undefined>(['request'], 'loadEncoder'),
    /** A checkpoint -> a model, by the backbone that recognises it. */
    loadModel: new AsyncSeriesBailHook<[ModelRequest], LanguageModel | undefined>(['request'], 'loadModel'),
    /** A path -> its named tensors, by the checkpoint format that recognises it. */
    openCheckpoint: new AsyncSeriesBailHook<[string], Checkpoint | undefined>(['path'], 'openCheckpoint'),
    /** The model with its frozen weights stored smaller. */
    quantize: new AsyncSeriesWaterfallHook<[LanguageModel]>(['model'], 'quantize'),
    /** The model with trainable parameters; `files` opens an adapter to start from. */
    injectAdapters: new AsyncSeriesWaterfallHook<[LanguageModel, CheckpointFiles]>(
      ['model', 'files'],
      'injectAdapters',
    ),
    /** Which loss does training lower? */
    makeObjective: new AsyncSeriesBailHook<[LanguageModel], Objective | undefined>(
      ['model'],
      'makeObjective',
    ),
    /** What changes the variables by their gradients? */
    makeOptimizer: new AsyncSeriesBailHook<[OptimizerRequest], Optimizer | undefined>(
      ['request'],
      'makeOptimizer',
    ),
    /** What sets the learning rate of each step? */
    makeSchedule: new AsyncSeriesBailHook<[ScheduleRequest], Schedule | undefined>(
      ['request'],
      'makeSchedule',
    ),
    /** A run goes on from a saved state: plugins take back what they had kept. */
    restoreState: new AsyncSeriesHook<[PluginStates]>(['states'], 'restoreState'),
    /** The model that the run starts from, measured before the first step. A run that goes on does not call it again. */
    evaluateBase: new AsyncSeriesHook<[Evaluation]>(['evaluation'], 'evaluateBase'),
    /** The summed loss of a micro-batch, or of held-out rows, amended. Synchronous, because gradients are being recorded. */
    loss: new SyncWaterfallHook<[tf.Scalar, Batch]>(['loss', 'batch'], 'loss'),
    /**
     * The gradients of an optimizer step, summed over all processes, amended before their norm is taken. A tap returns
     * gradients under the same names. The core frees those that it replaced.
     */
    gradients: new AsyncSeriesWaterfallHook<[Gradients]>(['gradients'], 'gradients'),
    /** An optimizer step is done. */
    step: new AsyncSeriesHook<[StepEvent]>(['event'], 'step'),
    /** Metrics of the held-out rows, amended. */
    evaluate: new AsyncSeriesWaterfallHook<[Metrics, Evaluation]>(['metrics', 'evaluation'], 'evaluate'),
    /** The adapter, or the whole model, is to be written into a folder. */
    save: new AsyncSeriesHook<[SaveRequest]>(['request'], 'save'),
    /** The state of the run is being saved: plugins add what they need to go on from here. */
    saveState: new AsyncSeriesHook<[PluginStates]>(['states'], 'saveState'),
    /** Tensors -> a file, by the checkpoint format that knows the file's ending; answers true when written. */
    writeCheckpoint: new AsyncSeriesBailHook<[CheckpointWrite], true | undefined>(
      ['request'],
      'writeCheckpoint',
    ),
    /** Something happened that trackers may tell. */
    log: new SyncHook<[LogEvent]>(['event'], 'log'),
    /** The run ended, however it did. */
    done: new AsyncSeriesHook<[RunResult]>(['result'], 'done'),
  });
}

export type Hooks = ReturnType<typeof createHooks>;
export type HookName = keyof Hooks;
