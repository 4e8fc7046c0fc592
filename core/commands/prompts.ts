/** The instructions that `evolve generate` answers: that of the command line, or those of a file. */

import { lstatSync, readFileSync, statSync } from 'node:fs';
import { EvolveError, messageOf } from '../base/errors.js';
import { foreignKind } from '../base/file-kind.js';
import { displayPath, resolvePath } from '../base/paths.js';
import { UTF8_ADVICE, utf8Fault } from '../base/utf8.js';
import type { InstructionExample } from '../contracts/dataset.js';

export interface PromptOptions {
  readonly instruction?: string;
  readonly input?: string;
  readonly inputFile?: string;
}

/** What the command line asks a model. */
export type Instruction = Pick<InstructionExample, 'instruction' | 'input'>;

const FORM = 'Such as {"instruction": "Name a fruit.", "input": ""}';

export function promptsOf({ instruction, input, inputFile }: PromptOptions): Instruction[] {
  if ((instruction === undefined) === (inputFile === undefined)) {
    const given = instruction === undefined ? 'neither' : 'both';
    throw new EvolveError('COMMAND_LINE', `expected either --instruction or --input-file, but got ${given}`);
  }
  if (instruction?.trim() === '')
    throw new EvolveError('COMMAND_LINE', '--instruction is empty', 'Such as --instruction "Name a fruit."');
  if (inputFile === undefined) return [{ instruction: instruction as string, input: input ?? '' }];
  if (input !== undefined) {
    throw new EvolveError('COMMAND_LINE', '--input goes with --instruction, but --input-file was given');
  }
  const place = `--input-file ${inputFile === '-' ? '-' : displayPath(inputFile)}`;
  const prompts = parsePrompts(readText(inputFile, place), place, /\.jsonl?$/.test(inputFile));
  if (prompts.length === 0) throw new EvolveError('COMMAND_LINE', `${place} is empty`);
  return prompts;
}

/** @param file `-` is standard input */
function readText(file: string, place: string): string {
  const found = resolvePath('', file);
  let bytes: Buffer;
  try {
    // Opening it would wait for a writer, and nothing could end that.
    if (file !== '-' && lstatSync(found).isFIFO())
      throw new Error('it is a pipe; give a file, or - and pipe into evolve');
    if (file !== '-' && statSync(found).isDirectory()) throw new Error('it is a folder; name a file in it');
    bytes = readFileSync(file === '-' ? 0 : found);
  } catch (error) {
    throw new EvolveError('COMMAND_LINE', `${place} cannot be read: ${messageOf(error)}`);
  }
  const kind = foreignKind(bytes.subarray(0, 1024));
  if (kind) throw new EvolveError('COMMAND_LINE', `${place}: is ${kind.what}`, kind.advice);
  const fault = utf8Fault(bytes);
  if (fault) throw new EvolveError('COMMAND_LINE', `${place}, ${fault}`, UTF8_ADVICE);
  return bytes.toString('utf8').replace(/^\uFEFF/, '');
}

/** One instruction a line. What is JSON by its name or its beginning: an array, or one object a line. */
function parsePrompts(text: string, place: string, isNamedJson: boolean): Instruction[] {
  const isJson = isNamedJson || /^\s*(\[\s*)?\{\s*"/.test(text);
  if (isJson && text.trimStart().startsWith('[')) {
    const values = parseJson(text, place) as unknown[];
    return values.map((value, i) => toInstruction(value, `${place}, record ${i + 1}`));
  }
  const lines = [...text.split(/\r?\n/).entries()].filter(([, line]) => line.trim() !== '');
  if (!isJson) return lines.map(([, line]) => ({ instruction: line.trim(), input: '' }));
  return lines.map(([i, line]) => {
    const where = `${place}, line ${i + 1}`;
    return toInstruction(parseJson(line, where), where);
  });
}

function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new EvolveError('COMMAND_LINE', `${place}: is no JSON: ${messageOf(error)}`, FORM);
  }
}

function toInstruction(value: unknown, place: string): Instruction {
  const { instruction, input } = (value ?? {}) as { instruction?: unknown; input?: unknown };
  const text = input ?? '';
  const lost = ['system', 'history'].filter(
    (key) => !isEmpty((value as Record<string, unknown> | null)?.[key]),
  );
  if (lost.length > 0) {
    const message = `${place}: has ${lost.join(' and ')}, which would be lost: a question here is an instruction, with or without an input`;
    throw new EvolveError('COMMAND_LINE', message, FORM);
  }
  if (typeof instruction === 'string' && typeof text === 'string') return { instruction, input: text };
  const message = `${place}: expected an instruction, with or without an input, but got ${JSON.stringify(value).slice(0, 60)}`;
  throw new EvolveError('COMMAND_LINE', message, FORM);
}

/** Files of other trainers have these keys in every record, most of them empty. */
function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
  );
}
