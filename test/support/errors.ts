import { expect } from 'chai';
import { type ErrorCode, EvolveError } from '../../core/base/errors.js';

/** The EvolveError that `action` throws, which must have this code and match these texts. */
export async function expectError(
  action: () => unknown,
  code: ErrorCode,
  ...texts: (string | RegExp)[]
): Promise<EvolveError> {
  let thrown: unknown;
  try {
    await action();
  } catch (error) {
    thrown = error;
  }
  expect(thrown, 'what was thrown').to.be.instanceOf(EvolveError);
  const error = thrown as EvolveError;
  expect(error.code).to.equal(code);
  const whole = `${error.message}\n${error.advice}`;
  for (const text of texts) {
    if (typeof text === 'string') expect(whole).to.include(text);
    else expect(whole).to.match(text);
  }
  return error;
}

/** Everything that an async iterable yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** What a message says of record number `record` of a data file. */
export function recordAt(record: number, fault: string): RegExp {
  return new RegExp(`record ${record}, line \\d+, byte \\d+: ${escaped(fault)}`);
}

/** What a message says of the record that begins at this line. */
export function lineAt(line: number, fault: string): RegExp {
  return new RegExp(`line ${line}, byte \\d+: ${escaped(fault)}`);
}

function escaped(text: string): string {
  return text.replace(/[\\^$*+?.()|[\]{}]/g, '\\$&');
}
