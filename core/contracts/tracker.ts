/** What tracker plugins get: events, and how the run ended. */

import type { Device, DeviceUsage } from './device.js';
import type { DownloadState } from './hub.js';

/** The mean loss of a group's target tokens, and how many these are. */
export interface GroupLoss {
  readonly loss: number;
  readonly targets: number;
  /** The standard error of `loss`, of held-out rows where there are two or more: rows count as drawn, not their tokens. */
  readonly stderr?: number;
}

/**
 * Losses by what rows are: by source; by language, where data sources say it; and of answers that reason, apart for the
 * rationale and what follows it. Absent where the objective does not tell the losses of single tokens.
 */
export interface GroupLosses {
  readonly bySource?: Readonly<Record<string, GroupLoss>>;
  readonly byLanguage?: Readonly<Record<string, GroupLoss>>;
  readonly byPart?: Readonly<Record<string, GroupLoss>>;
}

/** What one optimizer step did. With `logEvery` above 1, it covers all steps since the last event. */
export interface StepEvent extends GroupLosses {
  readonly type: 'step';
  readonly step: number;
  /** Passes through the data so far, as a fraction. */
  readonly epoch: number;
  /** Mean loss of a target token: with the objective `next-token` the cross-entropy, in nats. */
  readonly loss: number;
  readonly learningRate: number;
  /** The global norm of the gradients before clipping. */
  readonly gradNorm: number;
  /** How many tokens went through the model. */
  readonly tokens: number;
  readonly tokensPerSecond: number;
  /** What the process holds of the machine's memory now, mapped files included, in bytes. */
  readonly memory: number;
  /** On a device with memory of its own: the most of it that was taken at a time until now, in bytes. */
  readonly peakDeviceMemory?: number;
}

/**
 * The mean loss of a target token of the held-out rows, as the objective measures them, with what metrics add. The event of step 0 is the model's
 * before the first step, and has the loss alone.
 */
export interface EvalEvent extends GroupLosses {
  readonly type: 'eval';
  readonly step: number;
  readonly evalLoss: number;
  readonly [metric: string]: number | string | Readonly<Record<string, GroupLoss>> | undefined;
}

/** A line for the person. */
export interface NoticeEvent {
  readonly type: 'notice';
  readonly message: string;
}

/** A download from a hub goes on. The last event of a download says how it ended. */
export interface DownloadEvent extends DownloadState {
  readonly type: 'download';
  readonly status: 'running' | 'completed' | 'failed';
}

/** What takes long besides the steps goes on. Told about once a second, and at the end with `done` being `total`. */
export interface ProgressEvent {
  readonly type: 'progress';
  readonly task: 'reading' | 'encoding' | 'evaluating' | 'answering';
  /** Records, held-out rows, or questions. */
  readonly done: number;
  /** Absent where nobody knows it yet. */
  readonly total?: number;
}

/** What `data.cutoffLength` cost. */
export interface CutCounts {
  /** How many rows were cut, and by how many tokens in all. */
  readonly cutRows: number;
  readonly cutTokens: number;
  /** How many rows do not train the token that ends the answer or text. */
  readonly rowsWithoutEnd: number;
}

/** How many rows a run has, each an example. */
export interface RowCounts extends CutCounts {
  readonly trainRows: number;
  /** With packing: how many packed rows there are for training. */
  readonly packedRows?: number | undefined;
  readonly validationRows: number;
}

/** The run is assembled. The event says what it will do. */
export interface StartEvent extends RowCounts {
  readonly type: 'start';
  readonly output: string;
  readonly device: string;
  readonly backbone: string;
  readonly parameters: number;
  readonly trainableParameters: number;
  readonly steps: number;
  /** The step of the checkpoint from which an earlier run goes on. */
  readonly resumedFrom?: number | undefined;
}

/** The adapter, or the model, was written. */
export interface SaveEvent {
  readonly type: 'save';
  readonly step: number;
  readonly path: string;
}

export type LogEvent =
  | NoticeEvent
  | DownloadEvent
  | ProgressEvent
  | StartEvent
  | StepEvent
  | EvalEvent
  | SaveEvent;

/** Whether a run trained its model, and saved what it trained. */
export interface TrainingProof {
  /** All of it holds. That the held-out loss is lower is told beside it: no program can promise that. */
  readonly passed: boolean;
  /** What does not hold. */
  readonly faults: readonly string[];
  /** Of the trained tensors, how many there are, and how many are saved with other values than before the first step. */
  readonly tensors: number;
  readonly moved: number;
  /** The least and the greatest norm of a step's gradients, before clipping. */
  readonly gradNorm: { readonly least: number; readonly most: number } | null;
  /**
   * What was read again from disk: the step of which it is, the types in which it is stored, how many tensors were compared with
   * memory, to the digit or as the type rounds them, and how far the logits are from those in memory. These are null where memory
   * has a later step.
   */
  readonly saved: {
    readonly step: number;
    readonly types: readonly string[];
    readonly compared: number;
    readonly logitsDiffer: number | null;
  };
  /** What the saved adapter or model answers to a few tokens of the rows, by which `evolve verify` knows it again. */
  readonly logits: {
    readonly rows: number;
    readonly positions: number;
    readonly sha256: string;
    readonly highest: readonly number[];
  };
  /** What the rows are known by, those that were trained on and those held out. Runs of earlier versions do not have it. */
  readonly rowsSha256?: string;
  /** Of the rows held out: the loss before the first step, and that of what was saved; null where they were not measured. */
  readonly heldOut: { readonly base: number; readonly saved: number; readonly isLower: boolean } | null;
}

/** How a run ended, as `run.json` holds it and the `done` hook passes it. */
export interface RunResult {
  /** `stopped`: a plugin ended it, as early stopping does. */
  readonly status: 'completed' | 'stopped' | 'failed' | 'interrupted';
  readonly output: string;
  /** Optimizer steps done, those of the run that this one went on from too. */
  readonly steps: number;
  /** The step of the checkpoint from which it went on. */
  readonly resumedFrom?: number | undefined;
  /** The step of which the adapter or model in the output folder is; null if none was saved. */
  readonly savedStep: number | null;
  /** The hash of the plan, as `evolve run --dry-run` tells it; absent if the run ended before it had one. */
  readonly plan?: string | undefined;
  readonly device: (Pick<Device, 'name' | 'backend' | 'description'> & { requested: string }) | null;
  readonly parameters: { total: number; trainable: number } | null;
  readonly rows: RowCounts | null;
  readonly firstLoss: number | null;
  readonly lastLoss: number | null;
  /** Of the held-out rows, before the first step and last. */
  readonly baseLoss: number | null;
  readonly evalLoss: number | null;
  /** With `train.loadBestModelAtEnd` or early stopping: the best evaluation, by `train.metricForBestModel`. */
  readonly best?: { readonly step: number; readonly metric: string; readonly value: number } | undefined;
  /** Absent unless the run came to its end. */
  readonly proof?: TrainingProof | undefined;
  /** In ISO 8601, UTC. */
  readonly startedAt: string;
  readonly seconds: number;
  /** The most memory that the process held at a time, mapped files included, in bytes. */
  readonly peakMemory: number;
  /** On a device with memory of its own: the most of it that was taken at a time, in bytes. */
  readonly peakDeviceMemory?: number;
  /** There too: what the CPU computed because the device has no kernel for it, by the kernel's name. */
  readonly fallbacks?: DeviceUsage['fallbacks'];
  readonly versions: Readonly<Record<string, string>>;
  /** Why a plugin stopped it. */
  readonly stopReason?: string | undefined;
  /** Why it failed. */
  readonly error?: { code: string; message: string };
}
