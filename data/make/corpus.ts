/**
 * The pretraining corpus: one text a line, each `{ "text" }`. Run as a script it writes as many documents as it is told; a
 * larger corpus begins with the documents of a smaller one. With `--pages` every other text has several documents:
 *
 *     npx tsx data/make/corpus.ts data/corpus.jsonl 105900 --pages
 */
import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { documentEn } from './corpus-en.js';
import { documentZh } from './corpus-zh.js';
import { Random } from './random.js';
import { makeSamples } from './samples.js';

/** How much of the text is English, in bytes of UTF-8. */
const ENGLISH = 0.55;

/** How long a page is, in bytes of UTF-8: about 220 tokens of the embedded models. */
const PAGE = 640;

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

/**
 * The documents, every other time as many as fill a page in one text. Alone they are so short that a model would hardly
 * learn what stands far from the beginning.
 */
export function* makePages(documents: Iterable<string>): Generator<string> {
  let page: string[] = [];
  let isPage = false;
  for (const text of documents) {
    page.push(text);
    if (isPage && Buffer.byteLength(page.join('')) < PAGE) continue;
    yield page.join('\n\n');
    page = [];
    isPage = !isPage;
  }
  if (page.length > 0) yield page.join('\n\n');
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    options: { pages: { type: 'boolean' } },
    allowPositionals: true,
  });
  const [path, documents] = positionals;
  if (!(Number(documents) > 0)) throw new Error('usage: corpus.ts OUTPUT DOCUMENTS [--pages]');
  const corpus = makeCorpus(Number(documents));
  const out = createWriteStream(path);
  for (const text of values.pages ? makePages(corpus) : corpus) out.write(`${JSON.stringify({ text })}\n`);
  out.end();
}
