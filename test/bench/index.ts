/**
 * The bench: `npm run bench`, or some parts of it: `npm run bench -- kernels step --device native`. Prints a table and
 * writes the raw figures to .bench/. EVOLVE_PYTHON names a Python with torch, transformers and peft.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Argument, Command } from 'commander';
import { ROOT } from '../support/files.js';
import { answers } from './answers.js';
import { BARS } from './bars.js';
import { beside } from './beside.js';
import { contention } from './contention.js';
import type { Context, Part } from './context.js';
import { corpus } from './corpus.js';
import { decode } from './decode.js';
import { embedded } from './embedded.js';
import { epoch } from './epoch.js';
import { firstStep } from './first-step.js';
import { kernels } from './kernels.js';
import { llama7b } from './llama-7b.js';
import { machineFacts } from './machine.js';
import { fasterPrecision } from './precision.js';
import { processesCost } from './processes-cost.js';
import { processesScale } from './processes-scale.js';
import { missingPython, Peer } from './python.js';
import { step } from './step.js';
import { formatTable, type Row, ratioOf } from './table.js';

interface Options {
  readonly device: string;
  readonly rounds: string;
  readonly rows?: string;
  readonly model: string;
  readonly layers: string;
  readonly plain?: true;
}

const PARTS = [
  'kernels',
  'step',
  'epoch',
  'first-step',
  'llama-7b',
  'embedded',
  'decode',
  'answers',
  'contention',
  'beside',
  'corpus',
  'processes-scale',
  'processes-cost',
] as const;
const FOLDER = path.join(ROOT, '.bench');

async function bench(names: string[], options: Options): Promise<void> {
  const say = (line: string) => console.log(line);
  mkdirSync(FOLDER, { recursive: true });
  const missing = missingPython(['torch', 'transformers', 'peft']);
  if (missing)
    say(`skipped: PyTorch's and PEFT's side: ${missing} (EVOLVE_PYTHON names a Python that has them)`);
  const peer = missing ? undefined : new Peer(say);
  const machine = { ...machineFacts(), python: (await peer?.ask<object>('facts')) ?? null };
  say(`${machine.cpu}, ${machine.cores} cores, ${machine.instructionSets.join(' ')}`);
  const precision = peer ? await fasterPrecision(peer, say) : 'f32';
  const context: Context = {
    device: options.device,
    rounds: Number(options.rounds),
    plain: options.plain ?? false,
    rowsFile: options.rows,
    model: path.resolve(options.model),
    folder: FOLDER,
    precision,
    peer,
    say,
  };
  const parts: Record<(typeof PARTS)[number], Part> = {
    kernels,
    step,
    epoch,
    'first-step': firstStep,
    'llama-7b': llama7b(Number(options.layers)),
    embedded,
    decode: decode(Number(options.layers)),
    answers,
    contention,
    beside,
    corpus,
    'processes-scale': processesScale,
    'processes-cost': processesCost,
  };
  const file = path.join(FOLDER, `${machine.date.replaceAll(':', '-')}.json`);
  const rows: Row[] = [];
  try {
    for (const name of PARTS.filter((part) => names.length === 0 || names.includes(part))) {
      say(`… ${name}`);
      try {
        const measured = await parts[name](context);
        rows.push(...measured);
        say(`${formatTable(measured)}\n`);
      } catch (error) {
        // The other parts still tell something; the exit status tells that this one did not.
        say(`failed: ${name}: ${error instanceof Error ? error.message : error}`);
        process.exitCode = 1;
      }
      // After each part: a bench that is interrupted keeps what it measured.
      const figures = rows.map((row) => ({ ...row, ratio: ratioOf(row), bars: BARS[row.what] ?? [] }));
      writeFileSync(file, JSON.stringify({ machine, precision, options, rows: figures }, null, 1));
    }
  } finally {
    peer?.close();
  }
  say(`all:\n${formatTable(rows)}\n`);
  for (const line of remarks(rows)) say(line);
  say(`raw figures: ${path.relative(process.cwd(), file)}`);
}

/** What a reader must know before believing the table. */
function remarks(rows: readonly Row[]): string[] {
  const found: string[] = [];
  if (rows.some(({ others }) => (others ?? 0) > 0.1)) {
    found.push(
      'Other processes took more than 10 % of the machine ("others"): repeat those figures on a quiet one.',
    );
  }
  return found;
}

await new Command('bench')
  .description('Measures evolve against PyTorch and PEFT. Without names, every part.')
  .addArgument(new Argument('[parts...]', 'what to measure').choices(PARTS))
  .option('--device <name>', 'what computes on our side: native, portable, …', 'auto')
  .option('--rounds <n>', 'how often each side takes its turn', '5')
  .option('--rows <file>', 'Alpaca rows for the epoch, a JSON array')
  .option('--model <dir>', 'SmolLM2-135M; made there where it is missing', path.join(FOLDER, 'smollm2'))
  .option('--layers <n>', 'of the 7B; fewer only to try the bench out', '32')
  .option('--plain', 'our side without packing, gradient checkpointing and int8 arithmetic')
  .action(bench)
  .parseAsync();
