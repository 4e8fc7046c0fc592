/** Files of questions: JSON, an array or one object a line. */

import { readFileSync } from 'node:fs';
import { displayPath, EvolveError, messageOf, UTF8_ADVICE, utf8Fault } from '../../../core/index.js';

/** Thrown by what makes a question of a record: what is wrong with it. */
export class RecordFault extends Error {}

/** So many faults are told. */
const MOST_TOLD = 5;

/**
 * What `toRecord` makes of every record of a file.
 *
 * @param file an absolute path
 * @param form what a record looks like, for the advice
 * @throws EvolveError DATA_FILE if it cannot be read, DATA_RECORD that tells of all faulty records, DATA_EMPTY
 */
export function readRecords<T>(file: string, form: string, toRecord: (value: unknown) => T): T[] {
  const name = displayPath(file);
  const values = valuesIn(textOf(file, name), name);
  if (values.length === 0) throw new EvolveError('DATA_EMPTY', `${name} has no records`, form);
  const faults: string[] = [];
  const records = values.flatMap(({ where, value }) => {
    try {
      return [toRecord(value)];
    } catch (error) {
      if (!(error instanceof RecordFault)) throw error;
      faults.push(`${name}, ${where}: ${error.message}`);
      return [];
    }
  });
  if (faults.length === 0) return records;
  const more = faults.length > MOST_TOLD ? `\nand ${faults.length - MOST_TOLD} more` : '';
  throw new EvolveError('DATA_RECORD', faults.slice(0, MOST_TOLD).join('\n') + more, form);
}

function textOf(file: string, name: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    const message = `${name} cannot be read: ${messageOf(cause)}`;
    throw new EvolveError('DATA_FILE', message, 'Name a file of JSON.', { cause });
  }
  const fault = utf8Fault(bytes);
  if (fault) throw new EvolveError('DATA_FILE', `${name}, ${fault}`, UTF8_ADVICE);
  return bytes.toString('utf8').replace(/^\uFEFF/, '');
}

function valuesIn(text: string, name: string): { where: string; value: unknown }[] {
  const parse = (json: string, where: string): unknown => {
    try {
      return JSON.parse(json);
    } catch (cause) {
      const message = `${name}, ${where}: is no JSON: ${messageOf(cause)}`;
      throw new EvolveError('DATA_FILE', message, 'An array, or one object a line.', { cause });
    }
  };
  if (text.trimStart().startsWith('['))
    return (parse(text, 'the array') as unknown[]).map((value, i) => ({ where: `record ${i + 1}`, value }));
  return text.split(/\r?\n/).flatMap((line, i) => {
    const where = `line ${i + 1}`;
    return line.trim() === '' ? [] : [{ where, value: parse(line, where) }];
  });
}
