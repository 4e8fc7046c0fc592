/** What a run will do, before it does it: rows, tokens, steps, memory, disk, time. */

import { createHash } from 'node:crypto';
import type { RunConfig } from '../config/load.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { Encoder } from '../contracts/encoder.js';
import type { CutCounts, RunResult } from '../contracts/tracker.js';
import type { SplitRows } from '../data/rows.js';
import { endsOf, Tallies } from '../data/tally.js';
import type { Probe } from './probe.js';

/** What there is to learn in the rows of a source, or of a language. */
export interface PlannedRows {
  readonly rows: number;
  readonly tokens: number;
  readonly trainedTokens: number;
}

/** Bytes. */
export interface PlannedMemory {
  /** Of the frozen weights, as they are stored. */
  readonly weights: number;
  /** Of what is trained, its gradients, and what the optimizer keeps. */
  readonly trained: number;
  readonly gradients: number;
  readonly optimizer: number;
  /** All else: activations, work space, the program itself. */
  readonly rest: number;
  readonly total: number;
  /** On a device with memory of its own. */
  readonly device?: number | undefined;
}

export interface Plan {
  /** Of configuration, rows and model: run.json of the run that does it has the same. */
  readonly hash: string;
  readonly config: RunConfig;
  readonly backbone: string;
  readonly device: string;
  readonly parameters: NonNullable<RunResult['parameters']>;
  readonly rows: {
    readonly read: number;
    readonly trained: number;
    readonly heldOut: number;
    /** By what is the matter with them. */
    readonly leftOut: Readonly<Record<string, number>>;
    readonly bySource: Readonly<Record<string, PlannedRows>>;
    readonly byLanguage: Readonly<Record<string, PlannedRows>>;
    /** Where sources have weights or repeats: how many rows of each entry a pass has. */
    readonly inPass?: readonly number[] | undefined;
    /** The share of the rows that train the token with which an answer or a text ends. */
    readonly endShare: number;
  } & CutCounts;
  readonly steps: number;
  readonly rowsPerStep: number;
  /** Measured by the probe; absent without one. */
  readonly memory?: PlannedMemory;
  /** Bytes that the output folder takes at most, and that the cache takes. */
  readonly disk: { readonly output: number; readonly cache: number };
  /** Measured by the probe. */
  readonly time?: { readonly secondsPerStep: number; readonly seconds: number };
}

/** What a plan is made of. */
export interface PlanParts {
  /** As resolved. */
  readonly config: RunConfig;
  readonly rows: SplitRows;
  readonly encoder: Encoder;
  readonly model: LanguageModel;
  readonly device: string;
  readonly parameters: Plan['parameters'];
  readonly steps: number;
  readonly rowsPerStep: number;
  /** What rows and model are known by: see `checkpoints/fingerprint.ts`. */
  readonly fingerprints: readonly string[];
  /** Of records that were faulty. */
  readonly badRows: number;
}

export function planOf(parts: PlanParts, probe?: Probe): Plan {
  const { config, rows, encoder, model, device, parameters, steps, rowsPerStep, fingerprints } = parts;
  const { facts } = rows.corpus;
  const { counts } = facts;
  const tallies = new Tallies(facts.tallies);
  const ends = endsOf(encoder.tokenizer);
  for (const row of rows.validation.examples) tallies.add(rows.corpus.store.row(row), ends, -1);
  const by = (key: 'source' | 'language', names: readonly string[]) =>
    Object.fromEntries(
      names.flatMap((name, number): [string, PlannedRows][] => {
        const own = tallies.all.filter((tally) => tally[key] === number);
        const total = (of: 'rows' | 'tokens' | 'trained') => own.reduce((sum, tally) => sum + tally[of], 0);
        if (name === '' || total('rows') === 0) return [];
        return [[name, { rows: total('rows'), tokens: total('tokens'), trainedTokens: total('trained') }]];
      }),
    );
  const [trained, ended] = (['rows', 'ended'] as const).map((of) =>
    tallies.all.reduce((sum, tally) => sum + tally[of], 0),
  );
  const { cutRows, cutTokens, rowsWithoutEnd, dropped } = counts.long;
  const leftOut = {
    ...Object.fromEntries(Object.entries(counts.empty).map(([name, count]) => [`${name} empty`, count])),
    ...(counts.filled > 0 && { 'prompt alone fills a row': counts.filled }),
    ...(dropped > 0 && { 'too long': dropped }),
    ...(parts.badRows > 0 && { faulty: parts.badRows }),
  };
  const { output: _, plugins: __, world: ___, ...settings } = config;
  const hash = createHash('sha256')
    .update(JSON.stringify([settings, steps, ...fingerprints]))
    .digest('hex');
  return {
    hash,
    config,
    backbone: model.backbone,
    device,
    parameters,
    rows: {
      read: facts.examples + parts.badRows,
      trained,
      heldOut: rows.validation.examples.length,
      leftOut,
      bySource: by('source', facts.sources),
      byLanguage: by('language', facts.languages),
      ...(rows.shares && { inPass: rows.shares }),
      cutRows,
      cutTokens,
      rowsWithoutEnd,
      endShare: ended / trained,
    },
    steps,
    rowsPerStep,
    disk: { output: outputBytes(config, parameters.trainable), cache: rows.corpus.store.diskBytes },
    ...(probe && { memory: memoryOf(model, parameters.trainable, probe), time: timeOf(parts, probe) }),
  };
}

/** In fp32: variables, and in a checkpoint AdamW's two states beside them. */
function outputBytes({ train }: RunConfig, trainable: number): number {
  const own = 4 * trainable;
  // While a checkpoint is written the oldest is still there, and that of the lowest held-out loss stays too.
  return own + (train.keepCheckpoints === 0 ? 0 : (train.keepCheckpoints + 2) * 4 * own);
}

function memoryOf(model: LanguageModel, trainable: number, probe: Probe): PlannedMemory {
  const weights = new Set([...model.embeddings, ...model.linears].map(({ weight }) => weight));
  const frozen = [...weights].reduce((sum, { byteLength }) => sum + byteLength, 0);
  const own = 4 * trainable;
  const parts = { weights: frozen, trained: own, gradients: own, optimizer: probe.optimizerBytes };
  const rest = Math.max(0, probe.peakMemory - Object.values(parts).reduce((sum, bytes) => sum + bytes, 0));
  const { peakDeviceMemory: device } = probe;
  return { ...parts, rest, total: probe.peakMemory, ...(device !== undefined && { device }) };
}

/** A pass without gradients takes about a third of one with them. */
const FORWARD_SHARE = 1 / 3;

function timeOf({ config, rows, steps, rowsPerStep }: PlanParts, { secondsPerToken }: Probe): Plan['time'] {
  const tokensOf = (lengths: Int32Array) => lengths.reduce((sum, length) => sum + length, 0);
  const inPass = tokensOf(rows.train.pass(0).lengths());
  const perStep = (inPass / rows.train.length) * Math.min(rowsPerStep, rows.train.length);
  const secondsPerStep = perStep * secondsPerToken;
  const evaluations = 2 + Math.floor((steps - 1) / config.train.evalEvery);
  const heldOut = FORWARD_SHARE * secondsPerToken * tokensOf(rows.validation.lengths());
  return { secondsPerStep, seconds: steps * secondsPerStep + evaluations * heldOut };
}
