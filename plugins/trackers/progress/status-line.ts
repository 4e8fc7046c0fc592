/** The line at the bottom of a terminal, made to fit its columns. */

import { formatCount, formatDuration, type ProgressEvent, type StepEvent } from '../../../core/index.js';
import { memoryOf } from './format.js';

const WIDEST_BAR = 30;
const NARROWEST_BAR = 4;
const SEPARATOR = '  ';

/** A part of the line. Where there is no room, those with the highest number are left out. */
interface Part {
  readonly text: string;
  readonly rank: number;
}

/** How far the steps are. */
export interface StepState {
  readonly steps: number;
  /** How many of them an earlier run did. */
  readonly stepsBefore: number;
  readonly secondsGone: number;
  /** Undefined before the first step. */
  readonly event?: StepEvent;
}

/** Seconds that the steps to come will take, if they take as long as those before. */
export function secondsLeft({ steps, stepsBefore, secondsGone, event }: StepState): number {
  return event ? (secondsGone / (event.step - stepsBefore)) * (steps - event.step) : Number.NaN;
}

export function stepLine(state: StepState, columns: number): string {
  const { steps, stepsBefore, secondsGone, event } = state;
  const done = event?.step ?? stepsBefore;
  const parts: Part[] = [
    { text: `${Math.floor((100 * done) / steps)}%`, rank: 6 },
    { text: `${done}/${steps}`, rank: 0 },
    { text: `loss ${event?.loss.toFixed(4) ?? '–'}`, rank: 1 },
    { text: `lr ${event?.learningRate.toExponential(1) ?? '–'}`, rank: 3 },
    { text: `${event ? Math.round(event.tokensPerSecond) : '–'} tok/s`, rank: 4 },
    { text: event ? memoryOf(event) : '–', rank: 5 },
    { text: formatDuration(secondsGone), rank: 7 },
    { text: `${event ? formatDuration(secondsLeft(state)) : '–'} left`, rank: 2 },
  ];
  return lineOf(parts, done / steps, columns);
}

/** @param secondsGone since the task began */
export function taskLine({ task, done, total }: ProgressEvent, secondsGone: number, columns: number): string {
  const name = { text: task === 'reading' ? 'reading data' : task, rank: 0 };
  if (total === undefined)
    return lineOf([name, { text: `${formatCount(done)} records`, rank: 1 }], undefined, columns);
  const left = done > 0 ? formatDuration((secondsGone / done) * (total - done)) : '–';
  const parts = [
    name,
    { text: `${Math.floor((100 * done) / total)}%`, rank: 1 },
    { text: `${formatCount(done)} of ${formatCount(total)}`, rank: 3 },
    { text: `${left} left`, rank: 2 },
  ];
  return lineOf(parts, done / total, columns);
}

/** The parts that fit, in their order, and before them a bar in the room that is left. */
function lineOf(parts: readonly Part[], share: number | undefined, columns: number): string {
  // A character in the last column would move the line.
  const room = columns - 1;
  const taken = new Set<Part>();
  let width = -SEPARATOR.length;
  for (const part of [...parts].sort((a, b) => a.rank - b.rank)) {
    if (width + SEPARATOR.length + part.text.length > room) break;
    taken.add(part);
    width += SEPARATOR.length + part.text.length;
  }
  const texts = parts.filter((part) => taken.has(part)).map(({ text }) => text);
  const bar = Math.min(WIDEST_BAR, room - width - SEPARATOR.length);
  if (share === undefined || bar < NARROWEST_BAR) return texts.join(SEPARATOR);
  const full = Math.round(share * bar);
  return ['█'.repeat(full) + '░'.repeat(bar - full), ...texts].join(SEPARATOR);
}
