/**
 * The pretraining corpus: one document a line, each `{ "text" }`. Run as a script it writes about as many megabytes as it
 * is told, 9 where it is told nothing; a larger corpus begins with the documents of a smaller one:
 *
 *     npx tsx data/make/corpus.ts data/corpus.jsonl 27
 */
import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { documentEn } from './corpus-en.js';
import { documentZh } from './corpus-zh.js';
import { Random } from './random.js';
import { makeSamples } from './samples.js';

/** How much of it is English. */
const ENGLISH = 0.55;

/** The questions of the reasoning sample; they are kept out, so that the sample stays unseen. */
function heldOut(): Set<string> {
  const lines = makeSamples().cot.trimEnd().split('\n');
  return new Set(lines.map((line) => line.split('\t')[0].replaceAll('\\n', '\n')));
}

/** Documents until their texts have this many bytes of UTF-8. */
export function* makeCorpus(bytes: number): Generator<string> {
  const r = new Random(4);
  const unseen = [...heldOut()];
  let english = 0;
  let chinese = 0;
  while (english + chinese < bytes) {
    const isEnglish = english <= ENGLISH * (english + chinese);
    const text = isEnglish ? documentEn(r) : documentZh(r);
    if (isEnglish && /\d|Options|\?/.test(text) && unseen.some((question) => text.includes(question)))
      continue;
    const size = Buffer.byteLength(text);
    if (isEnglish) english += size;
    else chinese += size;
    yield text;
  }
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [path, megabytes = '9'] = process.argv.slice(2);
  if (path === undefined || !(Number(megabytes) > 0)) throw new Error('usage: corpus.ts OUTPUT [MEGABYTES]');
  const out = createWriteStream(path);
  for (const text of makeCorpus(Number(megabytes) * 1e6)) out.write(`${JSON.stringify({ text })}\n`);
  out.end();
}
