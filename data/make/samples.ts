/**
 * The three samples of instruction data. Run as a script it writes them to data/samples:
 *
 *     npx tsx data/make/samples.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reason } from './cot.js';
import { Random } from './random.js';
import { taskEn } from './tasks-en.js';
import { taskZh } from './tasks-zh.js';
import type { Rec } from './words.js';

const SIZE = 400;

/** Draws until there are enough that differ in their key and are fit to keep. */
function collect<T>(draw: () => T, key: (item: T) => string, fits: (item: T) => boolean = () => true): T[] {
  const found = new Map<string, T>();
  while (found.size < SIZE) {
    const item = draw();
    if (!found.has(key(item)) && fits(item)) found.set(key(item), item);
  }
  return [...found.values()];
}

const recKey = ({ instruction, input }: Rec): string => `${instruction}\n${input}`;

/** The contents of the three sample files. */
export function makeSamples(): { alpaca: string; belle: string; cot: string } {
  const en = new Random(1);
  const zh = new Random(2);
  const why = new Random(3);
  const alpaca = collect(
    () => taskEn(en),
    recKey,
    ({ output }) => output.split(/\s+/).length <= 40,
  );
  const belle = collect(
    () => taskZh(zh),
    recKey,
    ({ output }) => output.length <= 60,
  );
  const cot = collect(
    () => reason(why),
    ({ question }) => question,
  );
  return {
    alpaca: `${JSON.stringify(alpaca, null, 2)}\n`,
    belle: belle.map((record) => `${JSON.stringify(record)}\n`).join(''),
    cot: cot.map(({ question, answer, rationale }) => `${question}\t${answer}\t${rationale}\n`).join(''),
  };
}

const here = fileURLToPath(import.meta.url);

if (process.argv[1] !== undefined && resolve(process.argv[1]) === here) {
  const folder = resolve(here, '../../samples');
  const { alpaca, belle, cot } = makeSamples();
  mkdirSync(folder, { recursive: true });
  writeFileSync(resolve(folder, 'alpaca.json'), alpaca);
  writeFileSync(resolve(folder, 'belle.jsonl'), belle);
  writeFileSync(resolve(folder, 'cot.tsv'), cot);
}
