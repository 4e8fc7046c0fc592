/** The lines of samples.jsonl, by their questions. The plugin `samples` of the family metrics writes them. */

import type { StepLine } from './json-lines.js';
import type { RunRecord } from './run-record.js';

/** A question, and what the models of the runs answered. */
export interface SamplePair {
  readonly prompt: string;
  readonly input: string;
  /** What the data has as answer. */
  readonly expected: string | undefined;
  /** Of each run; undefined where it was not asked. */
  readonly answers: readonly (Answers | undefined)[];
}

interface Answers {
  /** Before the first step. */
  readonly before?: string;
  /** After the last step at which it was asked. */
  readonly after?: string;
  readonly step?: number;
}

const textOf = (line: StepLine, key: string) => (typeof line[key] === 'string' ? line[key] : '');
const keyOf = (line: StepLine) => JSON.stringify([textOf(line, 'instruction'), textOf(line, 'input')]);

/** In the order in which they were asked. */
export function samplePairs(runs: readonly RunRecord[]): SamplePair[] {
  const asked = new Map<string, StepLine>();
  for (const { samples } of runs)
    for (const line of samples) if (!asked.has(keyOf(line))) asked.set(keyOf(line), line);
  return [...asked].map(([key, line]) => ({
    prompt: textOf(line, 'instruction'),
    input: textOf(line, 'input'),
    expected: typeof line.expected === 'string' ? line.expected : undefined,
    answers: runs.map(({ samples }) => answersOf(samples.filter((sample) => keyOf(sample) === key))),
  }));
}

function answersOf(lines: readonly StepLine[]): Answers | undefined {
  const [first, last] = [lines.at(0), lines.at(-1)];
  if (!first || !last) return undefined;
  return {
    ...(first.step === 0 && { before: textOf(first, 'answer') }),
    ...(last.step > 0 && { after: textOf(last, 'answer'), step: last.step }),
  };
}
