/**
 * A corpus of 640,000 rows in English and Chinese, from the command to the first step: encoded, and found in the cache. The
 * other side is datasets.map with the fast tokenizer of the same model, in as many processes as there are cores.
 */

import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { Random } from '../../core/index.js';
import { ROOT } from '../support/files.js';
import type { Context } from './context.js';
import { eventOf, type Measured, measureEvolve, measurePython } from './processes.js';
import { missingPython } from './python.js';
import type { Row } from './table.js';

const ROWS = 640_000;
/** A run of so few rows tells what memory goes to the program itself. */
const FEW = 64;
const CUTOFF = 512;
const MODEL = path.join(ROOT, 'data', 'models', 'llama-tiny');

export async function corpus(context: Context): Promise<Row[]> {
  const many = writeCorpus(path.join(context.folder, `corpus-${ROWS}.jsonl`), ROWS);
  const few = writeCorpus(path.join(context.folder, `corpus-${FEW}.jsonl`), FEW);
  const cache = path.join(context.folder, 'corpus-cache');
  rmSync(cache, { recursive: true, force: true });
  const run = (rows: string) => {
    const config = path.join(context.folder, 'corpus.yaml');
    writeFileSync(config, stringify(configOf(rows, context)));
    return measureEvolve(['run', config, '--output', path.join(context.folder, 'corpus')], context.say, {
      EVOLVE_CACHE: cache,
    });
  };
  const small = await run(few);
  const first = await run(many);
  const second = await run(many);
  const missing = missingPython(['datasets', 'transformers']);
  if (missing) context.say(`skipped: the side of datasets: ${missing}`);
  const theirs = missing
    ? null
    : await measurePython(
        'datasets.map',
        'encode.py',
        { model: MODEL, rows: many, cutoffLength: CUTOFF },
        context.say,
      );
  rmSync(cache, { recursive: true, force: true });
  const stepAt = (measured: Measured) => eventOf(measured, 'step').at;
  const above = ({ peakBytes }: Measured) => (peakBytes ?? Number.NaN) - (small.peakBytes ?? Number.NaN);
  const note = `${ROWS} rows`;
  const others = first.others;
  return [
    {
      what: 'corpus, first start to the first step',
      unit: 's',
      ours: stepAt(first),
      theirs: theirs?.seconds ?? null,
      others,
      note,
    },
    {
      what: 'corpus, memory for data while encoding',
      unit: 'bytes',
      ours: above(first),
      theirs: null,
      others,
      note,
    },
    {
      what: 'corpus, second start to the first step',
      unit: 's',
      ours: stepAt(second),
      theirs: null,
      others: second.others,
      note,
    },
    {
      what: 'corpus, memory for data while training',
      unit: 'bytes',
      ours: above(second),
      theirs: null,
      others: second.others,
      note,
    },
  ];
}

function configOf(rows: string, { device }: Context): object {
  return {
    model: { path: MODEL },
    data: { sources: [{ path: rows, format: 'alpaca' }], cutoffLength: CUTOFF, validationSize: 0 },
    train: {
      perDeviceBatchSize: 2,
      gradientAccumulationSteps: 1,
      maxSteps: 20,
      warmupSteps: 0,
      saveEvery: 1000,
    },
    device,
  };
}

/** Rows of sentences from the embedded samples: in their lengths like Alpaca's and BELLE's answers, and no two alike. */
function writeCorpus(file: string, rows: number): string {
  if (existsSync(file)) return file;
  const random = new Random(1);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random.next() * items.length)];
  const samples = (name: string) => path.join(ROOT, 'data', 'samples', name);
  const english = JSON.parse(readFileSync(samples('alpaca.json'), 'utf8')) as Sample[];
  const chinese = readFileSync(samples('belle.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line): Sample => JSON.parse(line));
  const languages = [english, chinese].map((of) => ({
    of,
    sentences: of
      .flatMap(({ output }) => output.split(/(?<=[.!?。！？\n])/))
      .filter((text) => text.trim() !== ''),
  }));
  const partial = `${file}.partial`;
  const handle = openSync(partial, 'w');
  for (let i = 0; i < rows; i++) {
    const { of, sentences } = languages[random.next() < 0.6 ? 0 : 1];
    const { instruction, input = '' } = pick(of);
    const count = 1 + Math.floor(-12 * Math.log(1 - random.next()));
    const output = Array.from({ length: count }, () => pick(sentences)).join('');
    writeSync(handle, `${JSON.stringify({ instruction, input, output })}\n`);
  }
  closeSync(handle);
  renameSync(partial, file);
  return file;
}

interface Sample {
  readonly instruction: string;
  readonly input?: string;
  readonly output: string;
}
