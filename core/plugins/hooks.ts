/**
 * The lifecycle: every hook of a run in one frozen object. The trainer calls them; plugins see a view through
 * which they can tap but not call.
 *
 *     trainer.hooks.loadData.tap(async (source) => …);
 *     trainer.hooks.step.tap((event) => …, { stage: 10 });
 */

import type * as tf from '@tensorflow/tfjs';
import {
  AsyncSeriesBailHook,
  AsyncSeriesHook,
  AsyncSeriesWaterfallHook,
  type Hook,
  SyncHook,
  SyncWaterfallHook,
} from 'tapable';
import { EvolveError, messageOf } from '../base/errors.js';
import type { SaveRequest } from '../contracts/adapter.js';
import type { LanguageModel, ModelRequest } from '../contracts/backbone.js';
import type { Batch } from '../contracts/batch.js';
import type { Checkpoint, CheckpointFiles, CheckpointWrite } from '../contracts/checkpoint.js';
import type { DataSource, Example } from '../contracts/dataset.js';
import type { Device, DeviceRequest } from '../contracts/device.js';
import type { Encoder, EncoderRequest } from '../contracts/encoder.js';
import type { Located, LocateRequest } from '../contracts/hub.js';
import type { Template, TemplateRequest } from '../contracts/template.js';
import type { EvalEvent, LogEvent, RunResult, StepEvent } from '../contracts/tracker.js';

/** Gradients by the name of the trainable variable. */
export type Gradients = ReadonlyMap<string, tf.Tensor>;

/** Named metrics of the held-out rows. */
export type Metrics = Pick<EvalEvent, 'evalLoss'> & Record<string, number>;

/**
 * All hooks, in the order of a run. "Bail": the first answer other than undefined counts. "Waterfall": each tap
 * receives what the one before it returned.
 */
export function createHooks() {
  return Object.freeze({
    /** A data source -> its examples, by the dataset plugin that knows the format. */
    loadData: new AsyncSeriesBailHook<[DataSource], AsyncIterable<Example> | undefined>(
      ['source'],
      'loadData',
    ),
    /** Who computes? A device plugin makes its TensorFlow.js backend the active one and answers. */
    openDevice: new AsyncSeriesBailHook<[DeviceRequest], Device | undefined>(['request'], 'openDevice'),
    /** A name that is no path -> the files, on this machine, by the hub that has them. */
    locateModel: new AsyncSeriesBailHook<[LocateRequest], Located | undefined>(['request'], 'locateModel'),
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
    /** The summed loss of a micro-batch, amended. Runs while gradients are recorded, hence synchronous. */
    loss: new SyncWaterfallHook<[tf.Scalar, Batch, LanguageModel]>(['loss', 'batch', 'model'], 'loss'),
    /** The gradients of an optimizer step, amended before their norm is taken. */
    gradients: new AsyncSeriesWaterfallHook<[Gradients]>(['gradients'], 'gradients'),
    /** An optimizer step is done. */
    step: new AsyncSeriesHook<[StepEvent, LanguageModel]>(['event', 'model'], 'step'),
    /** Metrics of the held-out rows, amended. */
    evaluate: new AsyncSeriesWaterfallHook<[Metrics, LanguageModel]>(['metrics', 'model'], 'evaluate'),
    /** The adapter, or the whole model, is to be written into a folder. */
    save: new AsyncSeriesHook<[SaveRequest]>(['request'], 'save'),
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

type HookArguments<H> = H extends Hook<infer A, infer _R, infer _O> ? (A extends unknown[] ? A : [A]) : never;
type HookResult<H> = H extends Hook<infer _A, infer R, infer _O> ? R : never;

/** undefined passes to the next tap; synchronous hooks take no promise. */
type TapResult<H> =
  | MaybeNothing<HookResult<H>>
  | (H extends { tapPromise: unknown } ? Promise<MaybeNothing<HookResult<H>>> : never);

// biome-ignore lint/suspicious/noConfusingVoidType: a tap without a return statement must be assignable.
type MaybeNothing<T> = T | undefined | void;

/** A hook as plugins see it: to be tapped, not called. Taps run by `stage` (0 where none is given), then by order. */
export interface TapOnly<H> {
  tap(fn: (...args: HookArguments<H>) => TapResult<H>, options?: { stage?: number; before?: string }): void;
}

export type HooksView = { readonly [N in HookName]: TapOnly<Hooks[N]> };

/**
 * The tap-only view of `hooks` for the plugin named `plugin`. A failing tap is reported with the plugin's and
 * the hook's name, its cause kept; tapping after `isSealed()` is refused.
 */
export function viewFor(hooks: Hooks, plugin: string, isSealed: () => boolean): HooksView {
  const views = Object.entries(hooks).map(([name, hook]) => {
    const tap = (fn: (...args: unknown[]) => unknown, options: { stage?: number; before?: string } = {}) => {
      if (isSealed()) {
        const message = `plugin "${plugin}" taps the hook "${name}" after the run has been assembled`;
        throw new EvolveError('PLUGIN_INVALID', message, 'Tap hooks only within apply().');
      }
      tapNamed(hook as AnyHook, name, plugin, fn, options);
    };
    return [name, Object.freeze({ tap })];
  });
  return Object.freeze(Object.fromEntries(views)) as HooksView;
}

/** tapable gives synchronous hooks a tapPromise too, one that throws. */
function isAsync(hook: AnyHook): hook is AnyHook & AsyncTap {
  return hook.constructor !== SyncHook && hook.constructor !== SyncWaterfallHook;
}

type AnyHook = Hook<unknown, unknown>;
interface AsyncTap {
  tapPromise(options: { name: string }, fn: (...args: unknown[]) => Promise<unknown>): void;
}

function tapNamed(
  hook: AnyHook,
  hookName: string,
  plugin: string,
  fn: (...args: unknown[]) => unknown,
  options: { stage?: number; before?: string },
): void {
  const failed = (cause: unknown) =>
    cause instanceof EvolveError
      ? cause
      : new EvolveError(
          'PLUGIN_FAILED',
          `plugin "${plugin}" failed in the hook "${hookName}": ${messageOf(cause)}`,
          'Run again with EVOLVE_DEBUG=1 for the stack trace; it names the line.',
          { cause },
        );
  if (isAsync(hook)) {
    hook.tapPromise({ name: plugin, ...options }, async (...args: unknown[]) => {
      try {
        return await fn(...args);
      } catch (cause) {
        throw failed(cause);
      }
    });
    return;
  }
  hook.tap({ name: plugin, ...options }, (...args: unknown[]) => {
    let result: unknown;
    try {
      result = fn(...args);
    } catch (cause) {
      throw failed(cause);
    }
    if (result instanceof Promise) {
      result.catch(() => {});
      throw failed(new TypeError('this hook is synchronous, but the tap returned a promise'));
    }
    return result;
  });
}
