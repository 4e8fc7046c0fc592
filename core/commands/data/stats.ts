/** `evolve data stats FILE|NAME…`: lengths, languages, duplicates and overlap, drawn here or as an HTML page. */

import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { Breath } from '../../base/breath.js';
import { EvolveError, messageOf } from '../../base/errors.js';
import { printable } from '../../base/printable.js';
import type { Example } from '../../contracts/dataset.js';
import type { Encoder } from '../../contracts/encoder.js';
import { drawReport } from './draw-report.js';
import { htmlReport } from './html-report.js';
import { emptyError, type OpenData, openData, type SourceOptions } from './source.js';
import { charactersOf, type Measure, Statistics } from './statistics.js';

interface StatsOptions extends SourceOptions {
  readonly model?: string;
  readonly template?: string;
  /** Data to which rows are held. */
  readonly heldOut?: string;
  /** The page to write. */
  readonly html?: string;
}

export async function dataStatsCommand(whats: readonly string[], options: StatsOptions): Promise<void> {
  const { model, template, heldOut, html, json } = options;
  if (html !== undefined && existsSync(html))
    throw new EvolveError(
      'COMMAND_LINE',
      `--html ${html}: is there already`,
      'Remove it, or name another file.',
    );
  if (template !== undefined && model === undefined)
    throw new EvolveError('COMMAND_LINE', '--template goes with --model: without it characters are counted');
  const data = await openData(whats, options, {
    template,
    model,
    told: json ? process.stdout : process.stderr,
  });
  const encoder = model === undefined ? undefined : await data.assembler.loadEncoder();
  const statistics = new Statistics(encoder ? 'tokens' : 'characters');
  if (heldOut !== undefined) {
    const held = await openData([heldOut], options, { signal: data.signal });
    await each(held, (example) => statistics.holdOut(example));
  }
  const measure = encoder ? tokensBy(encoder) : charactersOf;
  await each(data, (example) => statistics.add(example, measure(example)));
  const report = statistics.report();
  if (report.rows === 0) throw emptyError(whats);
  if (html !== undefined) await writePage(html, htmlReport(whats.join(', '), report));
  if (json) process.stdout.write(`${JSON.stringify({ type: 'stats', ...report })}\n`);
  else process.stdout.write(drawReport(report) + (html === undefined ? '' : printable(`page: ${html}\n`)));
}

async function each(
  { sources, examplesOf, signal }: OpenData,
  take: (example: Example) => void,
): Promise<void> {
  const breath = new Breath(signal);
  for (const source of sources)
    for await (const example of examplesOf(source)) {
      take(example);
      if (breath.isDue) await breath.take();
    }
}

/** No row is cut. */
const WHOLE = 2 ** 31 - 1;

/** In tokens, as training would have them; undefined for what the model or the template cannot express. */
function tokensBy(encoder: Encoder): (example: Example) => Measure | undefined {
  return (example) => {
    try {
      const { inputIds, spans } = encoder.encode(example, WHOLE);
      return { whole: inputIds.length, trained: spans.reduce((sum, [from, to]) => sum + to - from, 0) };
    } catch (error) {
      if (error instanceof EvolveError && error.code === 'DATA_RECORD') return undefined;
      throw error;
    }
  };
}

async function writePage(file: string, page: string): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, page);
    await rename(temporary, file);
  } catch (cause) {
    const message = `--html ${file}: cannot be written: ${messageOf(cause)}`;
    throw new EvolveError('WRITE_FAILED', message, 'Name another file.', { cause });
  }
}
