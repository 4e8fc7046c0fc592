/**
 * What the author of a plugin imports: `import { definePlugin, tf, z } from 'evolving-alpaca'`. Helpers for one
 * family stand in `evolving-alpaca/FAMILY`, as in `evolving-alpaca/backbones`.
 */

export { z } from 'zod';
export { Breath } from './base/breath.js';
export { commandLine } from './base/command-line.js';
export { filesOf, STDIN } from './base/data-files.js';
export { type ErrorCode, EvolveError, messageOf } from './base/errors.js';
export { type FileKind, foreignKind } from './base/file-kind.js';
export { DENSE_TYPES, type DenseType, decodeFloats, encodeFloats } from './base/floats.js';
export { type Launch, launchOf, processName } from './base/launch.js';
export { allocate, type MemoryUse, outOfMemory } from './base/memory.js';
export { displayPath, expandHome } from './base/paths.js';
export { printable } from './base/printable.js';
export { formatCount, formatDuration, formatMebibytes, formatSize } from './base/quantities.js';
export { deriveSeed, Random, RandomStreams } from './base/random.js';
export { suggest } from './base/suggest.js';
export { tf } from './base/tf.js';
export { userCache } from './base/user-cache.js';
export { UTF8_ADVICE, utf8End, utf8Fault } from './base/utf8.js';
export { type ModelName, parseModelName } from './config/model-name.js';
export type { SaveRequest } from './contracts/adapter.js';
export type { LanguageModel, ModelRequest } from './contracts/backbone.js';
export type { Batch } from './contracts/batch.js';
export type { CachedSequence, CachePass, KeyValueCache } from './contracts/cache.js';
export type {
  Checkpoint,
  CheckpointFiles,
  CheckpointWrite,
  TensorInfo,
  TensorToWrite,
} from './contracts/checkpoint.js';
export type { HookContext } from './contracts/context.js';
export {
  type DataSource,
  type Example,
  type InstructionExample,
  type PreferenceExample,
  type Prompt,
  type TextExample,
  type TokensExample,
  type ToolCall,
  type Turn,
  type TurnsExample,
  unknownKind,
} from './contracts/dataset.js';
export type {
  Device,
  DeviceRequest,
  DeviceUsage,
  FallbackCount,
  InstallRequest,
} from './contracts/device.js';
export { type EmbeddingAdapter, EmbeddingSite } from './contracts/embedding-site.js';
export type { Encoder, EncoderRequest, TextPart, Tokenizer } from './contracts/encoder.js';
export type { Generated, GenerateOptions } from './contracts/generation.js';
export type {
  DownloadState,
  HubData,
  LocateDataRequest,
  Located,
  LocatedData,
  LocateRequest,
} from './contracts/hub.js';
export { type EncodedExample, IGNORED, labelsOf, type Span } from './contracts/labels.js';
export type { LengthLimit } from './contracts/length-limit.js';
export { type LinearAdapter, type LinearLayout, LinearSite, type LowRank } from './contracts/linear-site.js';
export type {
  AnswerLikelihood,
  CrossEntropies,
  Evaluation,
  Metrics,
  PromptedAnswer,
} from './contracts/metric.js';
export type { BackboneRequest, ModelFiles } from './contracts/model-files.js';
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
export type { BestEvaluation, PluginStates, ProofNotes, RunProgress, RunState } from './contracts/state.js';
export type {
  Exchange,
  Passage,
  Template,
  TemplateRequest,
  TokenTemplate,
  WordTemplate,
} from './contracts/template.js';
export type {
  DownloadEvent,
  EvalEvent,
  GroupLoss,
  GroupLosses,
  LogEvent,
  ProgressEvent,
  RowCounts,
  RunResult,
  StepEvent,
  TrainingProof,
} from './contracts/tracker.js';
export type { Processes, SharedMemory, World } from './contracts/world.js';
export { inCheckpoint } from './export/checkpoint-layout.js';
export { ModelFolder } from './export/model-folder.js';
export { BeamSearch } from './generation/beams.js';
export { type DecodeAllOptions, type DecodeOptions, Decoder } from './generation/decoder.js';
export {
  GENERATE_DEFAULTS,
  type GenerateListener,
  generate,
  generateAll,
} from './generation/generate.js';
export type { SearchOptions } from './generation/options.js';
export { type BlockStore, PagedCache } from './generation/paged-cache.js';
export { BLOCK_TOKENS, type BlockTable, PagedLayer, SLAB_BLOCKS } from './generation/paged-layer.js';
export { type Answer, type Hypothesis, type Search, TokenSearch } from './generation/search.js';
export { UncachedTokens } from './generation/uncached-tokens.js';
export { type AdamWOptions, type AdamWState, adamw } from './ops/adamw.js';
export { addBias } from './ops/add-bias.js';
export { type AttentionOptions, attention } from './ops/attention.js';
export { type AttentionLayout, attentionLayout } from './ops/attention-layout.js';
export type { CachedLayer } from './ops/cached-layer.js';
export { crossEntropy } from './ops/cross-entropy.js';
export { dispatch, perform } from './ops/dispatch.js';
export { dropout } from './ops/dropout.js';
export { embedding } from './ops/embedding.js';
export { mapFile, releasePages } from './ops/file-mapping.js';
export { type ComputeType, DenseWeight, type FrozenWeight, toFloat32 } from './ops/frozen-weight.js';
export { gelu } from './ops/gelu.js';
export { checkpoint } from './ops/gradients.js';
export type {
  ByteKernelName,
  KernelAttrs,
  KernelInputs,
  KernelName,
  KernelResult,
  Kernels,
  KernelTensors,
  TensorKernelName,
} from './ops/kernels.js';
export { layerNorm } from './ops/layer-norm.js';
export { linear } from './ops/linear.js';
export { linearCrossEntropy } from './ops/linear-cross-entropy.js';
export { logProbabilities } from './ops/log-probabilities.js';
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
export type { HooksView, TapOnly } from './plugins/hooks-view.js';
export {
  API_VERSION,
  definePlugin,
  type Family,
  type Plugin,
  type RunControl,
  type TrainerView,
} from './plugins/plugin.js';
