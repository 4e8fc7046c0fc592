import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Context, SAMPLES } from './context.js';

/** A file of `count` rows, each longer than 512 tokens whatever the tokenizer: cut at 512 none needs padding. */
export function writeLongRows({ folder }: Context, count: number): string {
  const samples = JSON.parse(readFileSync(SAMPLES, 'utf8')) as { instruction: string; output: string }[];
  const rows = Array.from({ length: count }, (_, i) => ({
    instruction: samples[i].instruction,
    input: '',
    output: Array.from({ length: 200 }, (_, k) => samples[(i * 40 + k) % samples.length].output).join('\n'),
  }));
  const file = path.join(folder, `long-rows-${count}.json`);
  writeFileSync(file, JSON.stringify(rows));
  return file;
}
