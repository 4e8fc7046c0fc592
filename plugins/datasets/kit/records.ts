import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { EvolveError } from '../../../core/index.js';

/** A record as it stands in a file, with its place for messages. */
export interface RawRecord {
  readonly value: unknown;
  /** `record 3` of an array, `line 3` of JSON lines. */
  readonly where: string;
  /** Why it is no JSON; `value` is then undefined. */
  readonly fault?: string | undefined;
}

/**
 * The records of a JSON file: an array, or one object a line (as the file's first character tells).
 *
 * @throws EvolveError DATA_RECORD if an array is no JSON; a line that is none is told in its record's `fault`
 */
export async function* readJsonRecords(file: string): AsyncGenerator<RawRecord> {
  if (await startsWithBracket(file)) yield* readArray(file);
  else yield* readJsonLines(file);
}

async function* readArray(file: string): AsyncGenerator<RawRecord> {
  let values: unknown;
  try {
    values = JSON.parse((await readFile(file, 'utf8')).replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new EvolveError(
      'DATA_RECORD',
      `${file}: is no JSON: ${(error as Error).message}`,
      'Correct the file.',
    );
  }
  for (const [i, value] of (values as unknown[]).entries()) yield { value, where: `record ${i + 1}` };
}

async function* readJsonLines(file: string): AsyncGenerator<RawRecord> {
  for await (const { text, where } of readLines(file)) {
    let value: unknown;
    let fault: string | undefined;
    try {
      value = JSON.parse(text);
    } catch (error) {
      fault = `is no JSON: ${(error as Error).message}`;
    }
    yield fault === undefined ? { value, where } : { value, where, fault };
  }
}

/** The lines of a UTF-8 file that are not empty. */
export async function* readLines(file: string): AsyncGenerator<{ text: string; where: string }> {
  await refusePipe(file);
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Infinity })) {
    number++;
    const text = number === 1 ? line.replace(/^\uFEFF/, '') : line;
    if (text.trim() !== '') yield { text, where: `line ${number}` };
  }
}

async function startsWithBracket(file: string): Promise<boolean> {
  await refusePipe(file);
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1024), 0, 1024, 0);
    return buffer
      .toString('utf8', 0, bytesRead)
      .replace(/^\uFEFF/, '')
      .trimStart()
      .startsWith('[');
  } finally {
    await handle.close();
  }
}

/** Opening a pipe would wait for a writer, and nothing could end that. A pipe cannot be read twice either. */
async function refusePipe(file: string): Promise<void> {
  if (!(await stat(file)).isFIFO()) return;
  throw new EvolveError(
    'DATA_UNKNOWN',
    `${file}: is a pipe`,
    'Write what it gives to a file, and name that.',
  );
}
