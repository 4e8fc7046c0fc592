import path from 'node:path';
import {
  commandLine,
  displayPath,
  type EvalEvent,
  formatCount,
  formatDuration,
  formatMebibytes,
  formatSize,
  type GroupLoss,
  type LogEvent,
  type RunResult,
  type StepEvent,
  type TrainingProof,
} from '../../../core/index.js';

/** So many of what a device has no kernels for are named. */
const MOST_FALLBACKS = 4;

type StartEvent = Extract<LogEvent, { type: 'start' }>;

export function describeStart(event: StartEvent): string {
  const share = Number(((100 * event.trainableParameters) / event.parameters).toPrecision(2));
  const packed = event.packedRows === undefined ? '' : ` packed into ${formatCount(event.packedRows)}`;
  const cut = describeCut(event);
  const held = event.validationRows > 0 ? `, ${formatCount(event.validationRows)} held out` : '';
  const on = event.resumedFrom === undefined ? '' : `, of which ${formatCount(event.resumedFrom)} are done`;
  return (
    `${event.backbone}: ${formatCount(event.parameters)} parameters, ${formatCount(event.trainableParameters)} (${share} %) trainable\n` +
    `data: ${counted(event.trainRows, 'row')}${packed}${held}; ${cut}; ${counted(event.steps, 'optimizer step')}${on}`
  );
}

function describeCut({ cutRows, cutTokens, rowsWithoutEnd }: StartEvent): string {
  if (cutRows === 0) return 'none cut';
  const endless = rowsWithoutEnd > 0 ? `, ${formatCount(rowsWithoutEnd)} of them before the end token` : '';
  return `${formatCount(cutRows)} cut, by ${formatCount(cutTokens)} tokens${endless}`;
}

export function describeStep(event: StepEvent, steps: number, secondsLeft: number): string {
  const { step, loss, learningRate, gradNorm, tokensPerSecond } = event;
  return [
    `step ${String(step).padStart(String(steps).length)}/${steps}`,
    `loss ${loss.toFixed(4)}`,
    `lr ${learningRate.toExponential(2)}`,
    `grad norm ${gradNorm.toFixed(3)}`,
    `${Math.round(tokensPerSecond)} tokens/s`,
    memoryOf(event),
    `${formatDuration(secondsLeft)} left`,
  ].join('  ');
}

export function describeEval(event: EvalEvent): string {
  const { type: _, step, evalLoss, bySource, byLanguage: __, byPart, ...metrics } = event;
  if (step === 0) return `before training  held-out loss ${evalLoss.toFixed(4)}`;
  // What is of one source or language alone stands in metrics.jsonl.
  const others = Object.entries(metrics)
    .filter(([name]) => !name.includes('/') && !name.endsWith(ERROR))
    .map(([name, value]) => `  ${name} ${shortened(value)}${errorOf(metrics[`${name}${ERROR}`])}`);
  return `step ${step}  held-out loss ${evalLoss.toFixed(4)}${others.join('')}${describeGroups({ ...bySource }, { ...byPart })}`;
}

/** `  (alpaca 1.23, belle 2.10)`, where there is more than one to compare. */
function describeGroups(...groupings: Readonly<Record<string, GroupLoss>>[]): string {
  return groupings
    .filter((groups) => Object.keys(groups).length > 1)
    .map((groups) => {
      const named = Object.entries(groups).map(([name, { loss }]) => `${name} ${loss.toFixed(4)}`);
      return `  (${named.join(', ')})`;
    })
    .join('');
}

const ERROR = 'Stderr';

function errorOf(value: unknown): string {
  return typeof value === 'number' ? ` ± ${Number(value.toPrecision(2))}` : '';
}

function shortened(value: unknown): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(4))) : String(value);
}

/** What the end of a run is told with, besides the result. */
export interface EndFacts {
  /** Where the adapter or model was written last; empty if nowhere. */
  readonly saved: string;
  /** Of the step events, in order. */
  readonly losses: readonly number[];
}

export function describeEnd(result: RunResult, { saved, losses }: EndFacts): string {
  // The time is that since the run went on, and so are the steps.
  const done = result.resumedFrom === undefined ? '' : `${result.steps - result.resumedFrom} of `;
  const steps = `${done}${counted(result.steps, 'step')} in ${formatDuration(result.seconds)}`;
  if (result.status !== 'completed' && result.status !== 'stopped') return `${result.status} after ${steps}`;
  const why = result.stopReason === undefined ? '' : `stopped: ${result.stopReason}\n`;
  if (saved === '') {
    const kept = result.savedStep === null ? '' : ` further; what is there is of step ${result.savedStep}`;
    return `${why}${steps}: nothing was saved${kept}`;
  }
  const tryIt = commandLine(['generate', '--run', displayPath(result.output)]);
  return (
    `${why}${steps}: ${describeLosses(losses, result)}${describeHeldOut(result)}
peak memory: ${formatMebibytes(result.peakMemory)}${describeDevice(result)}
` +
    `${path.basename(saved)}: ${displayPath(saved)} (step ${result.savedStep})${describeBest(result)}
` +
    describeProof(result) +
    `try it: ${tryIt} --instruction "…"`
  );
}

function describeBest({ best, savedStep }: RunResult): string {
  if (!best || best.step !== savedStep) return '';
  return `, the best by ${best.metric}, ${shortened(best.value)}`;
}

/** So many faults are told; run.json has all. */
const MOST_FAULTS = 3;

/** What was held at the end: that the run trained something, and saved it. */
function describeProof({ proof }: RunResult): string {
  if (!proof) return '';
  const { tensors, moved, gradNorm, saved, heldOut, faults } = proof;
  const gradients = gradNorm
    ? `gradient norms ${shortened(gradNorm.least)} to ${shortened(gradNorm.most)}`
    : 'no gradients';
  const logits = describeSaved(saved);
  const loss = !heldOut
    ? 'no held-out loss to compare'
    : heldOut.isLower
      ? "held-out loss under the base model's"
      : `held-out loss NOT under the base model's (${heldOut.saved.toFixed(4)}, before training ${heldOut.base.toFixed(4)})`;
  const others = proof.passed && moved < tensors ? ' (the others do so from the next step on)' : '';
  const facts = `${moved} of ${counted(tensors, 'tensor')} moved${others}, ${gradients};\n  read again from disk: ${logits}; ${loss}`;
  if (proof.passed) return `proof of training: ${facts}\n`;
  const told = faults.slice(0, MOST_FAULTS).map((fault) => `  ${fault}\n`);
  const more = faults.length > MOST_FAULTS ? `  and ${faults.length - MOST_FAULTS} more, in run.json\n` : '';
  return `proof of training FAILED: ${facts}\n${told.join('')}${more}`;
}

function describeSaved({ step, compared, logitsDiffer }: TrainingProof['saved']): string {
  if (logitsDiffer === 0) return 'the same logits as in memory';
  if (logitsDiffer !== null)
    return `logits that differ by ${shortened(logitsDiffer)} from those in memory, as the saved type rounds`;
  return compared > 0 ? `the values of step ${step}` : `of step ${step}, and memory has a later one`;
}

/** Single steps differ too much to be compared. */
function describeLosses(losses: readonly number[], { firstLoss, lastLoss, resumedFrom }: RunResult): string {
  if (losses.length === 0) return `loss ${firstLoss?.toFixed(4)} -> ${lastLoss?.toFixed(4)}`;
  const tenth = Math.max(1, Math.round(losses.length / 10));
  const [first, last] = [losses.slice(0, tenth), losses.slice(-tenth)].map(
    (part) => part.reduce((total, loss) => total + loss, 0) / part.length,
  );
  const means = tenth > 1 ? ' (means of the first and the last tenth)' : '';
  const since = resumedFrom === undefined ? '' : ` since step ${resumedFrom}`;
  return `loss ${first.toFixed(4)} -> ${last.toFixed(4)}${since}${means}`;
}

function describeHeldOut({ baseLoss, evalLoss }: RunResult): string {
  if (evalLoss === null) return '';
  const before = baseLoss === null ? '' : `${baseLoss.toFixed(4)} before training -> `;
  return `\nheld-out loss ${before}${evalLoss.toFixed(4)}`;
}

/** What was taken of the device's own memory, and what it had no kernels for. */
function describeDevice({ device, peakDeviceMemory, fallbacks = {} }: RunResult): string {
  if (peakDeviceMemory === undefined) return '';
  const memory = `, ${formatMebibytes(peakDeviceMemory)} on the device`;
  const counts = Object.entries(fallbacks).sort(([, a], [, b]) => b.bytes - a.bytes);
  if (counts.length === 0) return memory;
  const most = counts
    .slice(0, MOST_FALLBACKS)
    .map(([name, { calls }]) => `${name} ${formatCount(calls)} times`);
  if (counts.length > most.length) most.push(`${counts.length - most.length} others`);
  const bytes = counts.reduce((sum, [, each]) => sum + each.bytes, 0);
  return `${memory}\ncomputed on the CPU, as ${device?.name} has no such kernel: ${most.join(', ')}; ${formatSize(bytes)} were fetched for it`;
}

/** Of a device with memory of its own what the run took of that, else what the process holds. */
export function memoryOf({ memory, peakDeviceMemory = memory }: StepEvent): string {
  return formatMebibytes(peakDeviceMemory);
}

/** `1 step`, `1,200 steps`. */
function counted(number: number, noun: string): string {
  return `${formatCount(number)} ${noun}${number === 1 ? '' : 's'}`;
}
