/**
 * What the author of a plugin imports: `import { definePlugin, tf, z } from 'evolving-alpaca'`. Helpers for one
 * family stand in `evolving-alpaca/FAMILY`, as in `evolving-alpaca/backbones`.
 */

export * as tf from '@tensorflow/tfjs';
export { z } from 'zod';
export { type ErrorCode, EvolveError, messageOf } from './base/errors.js';
export { allocate, type MemoryUse, outOfMemory } from './base/memory.js';
export { expandHome, shown } from './base/paths.js';
export { deriveSeed, Random, RandomStreams } from './base/random.js';
export { type ModelName, parseModelName } from './config/model-name.js';
export type { SaveRequest } from './contracts/adapter.js';
export type { LanguageModel, ModelRequest } from './contracts/backbone.js';
export type { Batch } from './contracts/batch.js';
export type {
  Checkpoint,
  CheckpointFiles,
  CheckpointWrite,
  TensorInfo,
  TensorToWrite,
} from './contracts/checkpoint.js';
export type { HookContext } from './contracts/context.js';
export type { DataSource, Example, InstructionExample, Prompt, TextExample } from './contracts/dataset.js';
export type { Device, DeviceRequest } from './contracts/device.js';
export { type EmbeddingAdapter, EmbeddingSite } from './contracts/embedding-site.js';
export { type EncodedExample, IGNORED, type Tokenizer } from './contracts/encoder.js';
export type { Generated, GenerateOptions } from './contracts/generation.js';
export type { DownloadState, Located, LocateRequest } from './contracts/hub.js';
export type { Evaluation, Metrics } from './contracts/metric.js';
export type { Objective } from './contracts/objective.js';
export type {
  Gradients,
  Optimizer,
  OptimizerRequest,
  SavedState,
  UpdateOptions,
} from './contracts/optimizer.js';
export type { Pass } from './contracts/pass.js';
export type { Schedule, ScheduleRequest } from './contracts/schedule.js';
export { type LinearAdapter, LinearSite } from './contracts/site.js';
export type { PluginStates, RunProgress, RunState } from './contracts/state.js';
export type {
  DownloadEvent,
  EvalEvent,
  LogEvent,
  RowCounts,
  RunResult,
  StepEvent,
} from './contracts/tracker.js';
export type { World } from './contracts/world.js';
export { ModelFolder } from './export/model-folder.js';
export {
  BLOCK_TOKENS,
  type CachedLayer,
  CachedSequence,
  CachePass,
  KeyValueCache,
  SLAB_BLOCKS,
} from './generation/paged-cache.js';
export { type AdamWOptions, type AdamWState, adamw } from './ops/adamw.js';
export { addBias } from './ops/add-bias.js';
export { type AttentionOptions, attention } from './ops/attention.js';
export { crossEntropy } from './ops/cross-entropy.js';
export { dispatch, perform } from './ops/dispatch.js';
export { dropout } from './ops/dropout.js';
export { embedding } from './ops/embedding.js';
export { mapFile, releasePages } from './ops/file-mapping.js';
export {
  type ComputeType,
  DENSE_TYPES,
  type DenseType,
  DenseWeight,
  decodeFloats,
  encodeFloats,
  type FrozenWeight,
  toFloat32,
} from './ops/frozen-weight.js';
export { gelu } from './ops/gelu.js';
export { checkpoint } from './ops/gradients.js';
export { layerNorm } from './ops/layer-norm.js';
export { linear } from './ops/linear.js';
export { linearCrossEntropy } from './ops/linear-cross-entropy.js';
export { type LoraBranch, loraLinear } from './ops/lora-linear.js';
export { rmsNorm } from './ops/rms-norm.js';
export {
  type RotaryAngles,
  type RotaryForm,
  rotary,
  rotaryAngles,
  rotaryFrequencies,
  twoDimensionalRotaryAngles,
} from './ops/rotary.js';
export { selectRows } from './ops/select-rows.js';
export { splitColumns } from './ops/split-columns.js';
export { swiglu } from './ops/swiglu.js';
export { trainableLinearCrossEntropy } from './ops/trainable-linear-cross-entropy.js';
export { type ExtensionPoint, type ExtensionsView, extensionPoint } from './plugins/extensions.js';
export type { HookName } from './plugins/hooks.js';
export {
  API_VERSION,
  definePlugin,
  type Family,
  type Plugin,
  type RunControl,
  type TrainerView,
} from './plugins/plugin.js';
export type { HooksView, TapOnly } from './plugins/tap.js';
