/**
 * The pretraining corpus: one document a line, each `{ "text" }`. Run as a script it writes as many as it is told; a
 * larger corpus begins with the documents of a smaller one:
 *
 *     npx tsx data/make/corpus.ts data/corpus.jsonl 105900
 */
import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { documentEn } from './corpus-en.js';
import { documentZh } from './corpus-zh.js';
import { Random } from './random.js';
import { makeSamples } from './samples.js';

/** How much of the text is English, in bytes of UTF-8. */
const ENGLISH = 0.55;

/** The questions of the reasoning sample; they are kept out, so that the sample stays unseen. */
function heldOut(): Set<string> {
  const lines = makeSamples().cot.trimEnd().split('\n');
  return new Set(lines.map((line) => line.split('\t')[0].replaceAll('\\n', '\n')));
}

/** As many documents. */
export function* makeCorpus(documents: number): Generator<string> {
  const r = new Random(4);
  const unseen = [...heldOut()];
  let english = 0;
  let chinese = 0;
  for (let made = 0; made < documents; ) {
    const isEnglish = english <= ENGLISH * (english + chinese);
    const text = isEnglish ? documentEn(r) : documentZh(r);
    if (isEnglish && /\d|Options|\?/.test(text) && unseen.some((question) => text.includes(question)))
      continue;
    const size = Buffer.byteLength(text);
    if (isEnglish) english += size;
    else chinese += size;
    made++;
    yield text;
  }
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [path, documents] = process.argv.slice(2);
  if (!(Number(documents) > 0)) throw new Error('usage: corpus.ts OUTPUT DOCUMENTS');
  const out = createWriteStream(path);
  for (const text of makeCorpus(Number(documents))) out.write(`${JSON.stringify({ text })}\n`);
  out.end();
}
