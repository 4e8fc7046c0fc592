/** What every part of the bench gets. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { ROOT } from '../support/files.js';
import type { Precision } from './precision.js';
import { missingPython, type Peer, PYTHON, script } from './python.js';
import type { Row } from './table.js';

export interface Context {
  readonly device: string;
  /** How often each side takes its turn. */
  readonly rounds: number;
  /** Ours without packing, gradient checkpointing and a choice of int8 arithmetic: what these bring is the difference. */
  readonly plain: boolean;
  /** A JSON file in Alpaca's form for the epoch. */
  readonly rowsFile?: string;
  /** The folder of SmolLM2-135M. */
  readonly model: string;
  /** Where the bench may write. */
  readonly folder: string;
  /** What the peer computes in: the faster one on this CPU. */
  readonly precision: Precision;
  /** Undefined where the Python packages are missing. */
  readonly peer: Peer | undefined;
  say(line: string): void;
}

/** A part answers with its rows; where it cannot run it says why and answers with none. */
export type Part = (context: Context) => Promise<Row[]>;

/** The folder of SmolLM2-135M, made on first use; undefined, with a line, where it cannot be. */
export async function smollm2({ model, say }: Context): Promise<string | undefined> {
  if (existsSync(path.join(model, 'config.json'))) return model;
  const missing = missingPython(['torch', 'transformers', 'gguf']);
  if (missing === undefined) {
    await mkdir(path.dirname(model), { recursive: true });
    say(`making SmolLM2-135M in ${model}`);
    const { status, stderr } = spawnSync(PYTHON, [script('smollm2.py'), model], { encoding: 'utf8' });
    if (status === 0) return model;
    say(`skipped: SmolLM2-135M cannot be made: ${stderr.trim().split('\n').at(-1)}`);
  } else say(`skipped: there is no SmolLM2-135M in ${model}, and it cannot be made: ${missing}`);
  return undefined;
}

/** The embedded samples, in Alpaca's form. */
export const SAMPLES = path.join(ROOT, 'data', 'samples', 'alpaca.json');
