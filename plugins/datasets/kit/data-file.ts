/** A data file, looked at before it is read: is it a file, and of a kind that holds text? */

import { open, stat } from 'node:fs/promises';
import { displayPath, EvolveError, foreignKind, messageOf } from '../../../core/index.js';

const HEAD_BYTES = 4096;

/**
 * The first bytes of a text file.
 *
 * @throws EvolveError DATA_FILE if it is a folder, a pipe, or a file of another kind, or cannot be read
 */
export async function readHead(file: string): Promise<Buffer> {
  const name = displayPath(file);
  const unreadable = (cause: unknown): never => {
    throw new EvolveError(
      'DATA_FILE',
      `${name}: cannot be read: ${messageOf(cause)}`,
      'See to it that it can be.',
      {
        cause,
      },
    );
  };
  const found = await stat(file).catch(unreadable);
  if (found.isDirectory()) {
    throw new EvolveError('DATA_FILE', `${name}: is a folder`, 'Name a file in it. Each file is a source.');
  }
  if (!found.isFile()) {
    const what = found.isFIFO() ? 'a pipe' : 'no ordinary file';
    throw new EvolveError('DATA_FILE', `${name}: is ${what}`, 'Write the data to a file, and name that.');
  }
  const head = await firstBytes(file).catch(unreadable);
  const kind = foreignKind(head);
  if (kind) throw new EvolveError('DATA_FILE', `${name}: is ${kind.what}`, kind.advice);
  return head;
}

async function firstBytes(file: string): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/**
 * Says of a JSON file that it is a table.
 *
 * @throws EvolveError DATA_FILE if its first line is the header of one
 */
export function refuseTable(file: string, head: Buffer): void {
  const line = head
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/, 1)[0];
  const separator = [',', '\t', ';'].find((candidate) => line.includes(candidate));
  if (
    !separator ||
    !line.split(separator).every((cell) => /^"?[\p{L}_][\p{L}\p{N}_ .-]{0,39}"?$/u.test(cell))
  ) {
    return;
  }
  const message = `${displayPath(file)}: is ${separator === '\t' ? 'a table (TSV)' : 'CSV'}, and no JSON: its first line is ${line}`;
  const options = `sep=${JSON.stringify(separator).replaceAll('"', "'")}, encoding='utf-8'`;
  const advice = `Convert it to JSON lines (encoding='gbk' or 'latin1' if it is no UTF-8): python -c "import pandas; pandas.read_csv('OLD', ${options}).to_json('NEW.jsonl', orient='records', lines=True, force_ascii=False)"`;
  throw new EvolveError('DATA_FILE', message, advice);
}

/**
 * Says of a file of which no line is JSON what it is instead, as far as its beginning shows it.
 *
 * @throws EvolveError DATA_FILE
 */
export function refuseOtherText(file: string, head: Buffer): void {
  const text = head.toString('utf8').replace(/^\uFEFF/, '');
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  if (lines.length === 0 || lines.some(isJson)) return;
  const refuse = (what: string, advice: string): never => {
    throw new EvolveError('DATA_FILE', `${displayPath(file)}: ${what}`, advice);
  };
  const [first] = lines;
  if (/,\s*$/.test(first) && isJson(first.replace(/,\s*$/, '')))
    refuse(
      'its lines are JSON, each with a comma behind it',
      "Take the commas away: sed 's/, *$//' OLD > NEW.jsonl",
    );
  const [record] = /^\s*\{[\s\S]*?^\}/m.exec(text) ?? [];
  if (record !== undefined && isJson(record))
    refuse('its records go over several lines', 'Write each on a line of its own: jq -c . OLD > NEW.jsonl');
  if (first.trimStart().startsWith('{')) return;
  const shown = first.length > 60 ? `${first.slice(0, 60)}…` : first;
  refuse(
    `is text, and no JSON: its first line is ${shown}`,
    'Write a record a line, such as {"instruction": "…", "output": "…"}; in the format text, {"text": "…"}.',
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
