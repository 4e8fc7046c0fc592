import { readFile } from 'node:fs/promises';
import { EvolveError } from '../../../core/index.js';
import { readHead, refuseOtherText, refuseTable } from './data-file.js';
import { decodeUtf8, readLines } from './lines.js';

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
  const head = await readHead(file);
  refuseTable(file, head);
  const begin = head
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
  if (begin.startsWith('[')) return yield* readArray(file);
  refuseOtherText(file, head);
  yield* readJsonLines(file);
}

async function* readArray(file: string): AsyncGenerator<RawRecord> {
  const text = await readWhole(file);
  let values: unknown;
  try {
    values = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    const { message } = error as Error;
    const advice = /^\s*\[\s*\{\s*'/.test(text)
      ? 'It has the quotes of Python: write it with json.dump.'
      : 'Correct the file.';
    throw new EvolveError('DATA_RECORD', `${file}: is no JSON: ${withLine(message, text)}`, advice);
  }
  for (const [i, value] of (values as unknown[]).entries()) yield { value, where: `record ${i + 1}` };
}

/** What JSON.parse says, with the line where it has only a position. */
function withLine(message: string, text: string): string {
  const [, position] = /at position (\d+)$/.exec(message) ?? [];
  if (position === undefined) return message;
  const line = text.slice(0, Number(position)).split('\n').length;
  return `${message} (line ${line})`;
}

async function readWhole(file: string): Promise<string> {
  try {
    return decodeUtf8(await readFile(file), file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_STRING_TOO_LONG' && code !== 'ERR_FS_FILE_TOO_LARGE') throw error;
    throw new EvolveError(
      'DATA_FILE',
      `${file}: is a JSON array of more characters than JavaScript takes in one text (2^29)`,
      "Write one record a line, which has no such limit: jq -c '.[]' OLD > NEW.jsonl",
      { cause: error },
    );
  }
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
