/**
 * What the author of a plugin imports: `import { definePlugin, tf, z } from 'evolving-alpaca'`. Helpers for one
 * family stand in `evolving-alpaca/backbones` and `evolving-alpaca/datasets`.
 */

export * as tf from '@tensorflow/tfjs';
export { z } from 'zod';
export { allocate, type MemoryUse, outOfMemory } from './allocate.js';
export { type EmbeddingAdapter, EmbeddingSite } from './embedding-site.js';
export { type ErrorCode, EvolveError, messageOf } from './errors.js';
export {
  type ComputeType,
  DENSE_TYPES,
  type DenseType,
  DenseWeight,
  decodeFloats,
  encodeFloats,
  type FrozenWeight,
  toFloat32,
} from './frozen-weight.js';
export { checkpoint } from './gradients.js';
export type { Gradients, HookName, HooksView, Metrics, TapOnly } from './hooks.js';
export {
  BLOCK_TOKENS,
  type CachedLayer,
  CachedSequence,
  CachePass,
  KeyValueCache,
  SLAB_BLOCKS,
} from './key-value-cache.js';
export { type LinearAdapter, LinearSite } from './linear-site.js';
export { ModelFolder } from './model-folder.js';
export { type ModelName, parseModelName } from './model-name.js';
export type { AdamWOptions } from './ops/adamw.js';
export { addBias } from './ops/add-bias.js';
export { type AttentionOptions, attention } from './ops/attention.js';
export { crossEntropy } from './ops/cross-entropy.js';
export { dispatch, perform } from './ops/dispatch.js';
export { dropout } from './ops/dropout.js';
export { embedding } from './ops/embedding.js';
export { mapFile, releasePages } from './ops/file-mapping.js';
export { gelu } from './ops/gelu.js';
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
export { expandHome, shown } from './paths.js';
export { API_VERSION, definePlugin, type Family, type Plugin, type TrainerView } from './plugin.js';
export { deriveSeed, Random, RandomStreams } from './random.js';
export {
  type Batch,
  type Checkpoint,
  type CheckpointFiles,
  type CheckpointWrite,
  type DataSource,
  type Device,
  type DeviceRequest,
  type DownloadEvent,
  type DownloadState,
  type EncodedExample,
  type EvalEvent,
  type Example,
  IGNORED,
  type InstructionExample,
  type LanguageModel,
  type Located,
  type LocateRequest,
  type LogEvent,
  type ModelRequest,
  type Pass,
  type Prompt,
  type RowCounts,
  type RunResult,
  type SaveRequest,
  type StepEvent,
  type TensorInfo,
  type TensorToWrite,
  type TextExample,
  type Tokenizer,
} from './types.js';
