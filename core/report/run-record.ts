/** What a run's folder tells, of a run that goes on, was killed or was damaged, too. */

import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parseDocument } from 'yaml';
import { EvolveError, messageOf } from '../base/errors.js';
import { holderOf, LOCK } from '../base/lock.js';
import { displayPath } from '../base/paths.js';
import type { RunResult } from '../contracts/tracker.js';
import { type JsonLine, readJsonLines, type StepLine, stepLines } from './json-lines.js';

/** `killed`: the run ended without telling how. */
export type RunState = RunResult['status'] | 'running' | 'killed';

export interface RunRecord {
  readonly folder: string;
  readonly state: RunState;
  /** config.yaml as it stands. */
  readonly configText: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** How the run ended; undefined where it did not tell, as one that goes on. */
  readonly result: Partial<RunResult> | undefined;
  /** The lines of metrics.jsonl, by their steps. */
  readonly steps: readonly StepLine[];
  readonly evaluations: readonly StepLine[];
  /** How many steps the whole run has; undefined where nothing tells. */
  readonly totalSteps: number | undefined;
  readonly startedAt: Date;
  /** How long it took, or has taken until now. Of a run that went on, since then. */
  readonly seconds: number;
  /** plan.json, where there is one. */
  readonly plan: unknown;
  /** The lines of samples.jsonl. */
  readonly samples: readonly StepLine[];
  /** What of this cannot be read, a sentence each. */
  readonly faults: readonly string[];
}

/** Whether a run wrote into this folder. Other programs have files called config.yaml, too. */
export function isRun(folder: string): boolean {
  const has = (name: string) => existsSync(path.join(folder, name));
  return has('config.yaml') && ['metrics.jsonl', 'run.json', LOCK].some(has);
}

/** @throws EvolveError MODEL_UNKNOWN if the folder is no run's */
export function readRun(folder: string): RunRecord {
  if (!isRun(folder)) throw noRun(folder);
  const faults: string[] = [];
  const at = (name: string) => path.join(folder, name);
  const reading = <T>(name: string, read: (text: string) => T): T | undefined => {
    if (!existsSync(at(name))) return undefined;
    try {
      return read(readFileSync(at(name), 'utf8'));
    } catch (error) {
      faults.push(`${displayPath(at(name))} cannot be read: ${messageOf(error)}`);
      return undefined;
    }
  };
  const linesOf = (name: string) =>
    stepLines(
      reading(name, (text) => readJsonLines(text, displayPath(at(name)), faults)) ?? [],
      displayPath(at(name)),
      faults,
    );
  const configText = reading('config.yaml', String) ?? '';
  const config = reading('config.yaml', parsedMapping) ?? {};
  const lines = linesOf('metrics.jsonl');
  const state = stateOf(folder, reading('run.json', parsedObject));
  const steps = lines.filter(({ type }) => type === 'step');
  return {
    folder,
    ...state,
    configText,
    config,
    steps,
    evaluations: lines.filter(({ type }) => type === 'eval'),
    totalSteps: totalSteps(config, steps.at(-1), state.result),
    ...times(folder, state),
    plan: reading('plan.json', (text) => JSON.parse(text) as unknown),
    samples: linesOf('samples.jsonl'),
    faults,
  };
}

function noRun(folder: string): EvolveError {
  const what = existsSync(folder) ? 'is no run: it lacks config.yaml or metrics.jsonl' : 'is not there';
  const message = `the folder ${displayPath(folder)} ${what}`;
  return new EvolveError('MODEL_UNKNOWN', message, 'evolve runs DIR lists the runs below a folder.');
}

function parsedMapping(text: string): Record<string, unknown> {
  const document = parseDocument(text);
  if (document.errors.length > 0) throw document.errors[0];
  const value: unknown = document.toJS();
  if (typeof value !== 'object' || value === null) throw new Error('it is no mapping');
  return value as Record<string, unknown>;
}

function parsedObject(text: string): JsonLine {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error('it is no object');
  return value as JsonLine;
}

/** A run that goes on in the folder of an earlier one leaves the earlier one's run.json there until it ends. */
function stateOf(folder: string, found: JsonLine | undefined): Pick<RunRecord, 'state' | 'result'> {
  if (holderOf(folder) !== undefined) return { state: 'running', result: undefined };
  const result = existsSync(path.join(folder, LOCK)) ? undefined : (found as Partial<RunResult> | undefined);
  return { state: result?.status ?? 'killed', result };
}

/** A run without an end began when it claimed its folder, and was last seen when it wrote metrics. */
function times(
  folder: string,
  { state, result }: Pick<RunRecord, 'state' | 'result'>,
): Pick<RunRecord, 'startedAt' | 'seconds'> {
  const { startedAt, seconds } = result ?? {};
  if (startedAt !== undefined && seconds !== undefined) return { startedAt: new Date(startedAt), seconds };
  const written = (name: string) => statSync(path.join(folder, name), { throwIfNoEntry: false })?.mtimeMs;
  const claimed = written('config.yaml') ?? 0;
  const seen = state === 'running' ? Date.now() : (written('metrics.jsonl') ?? claimed);
  return { startedAt: new Date(claimed), seconds: Math.max(0, seen - claimed) / 1000 };
}

function totalSteps(
  { train }: RunRecord['config'],
  last: StepLine | undefined,
  result: RunRecord['result'],
): number | undefined {
  if (result?.status === 'completed') return result.steps;
  const { maxSteps, epochs } = (train ?? {}) as Record<string, unknown>;
  if (typeof maxSteps === 'number') return maxSteps;
  const epoch = last?.epoch;
  // Each epoch has as many steps as another.
  return last && typeof epoch === 'number' && epoch > 0 && typeof epochs === 'number'
    ? Math.round((last.step / epoch) * epochs)
    : undefined;
}
