import { EvolveError, suggest } from '../../../core/index.js';
import { RecordFault, readRecords } from '../kit/index.js';
import { LANGUAGE_RULES } from './language.js';
import type { Check } from './rule.js';
import { FORM_RULES } from './rules-form.js';
import { WORD_RULES } from './rules-words.js';

/** A prompt, and what its answer must be. */
export interface InstructionPrompt {
  readonly prompt: string;
  readonly checks: readonly Check[];
}

const RULES = { ...WORD_RULES, ...FORM_RULES, ...LANGUAGE_RULES };

const FORM =
  'Such as {"key": 1, "prompt": "Name a fruit. Use no commas.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}, as input_data.jsonl of IFEval has them.';

/** The prompts of a file. @throws EvolveError CONFIG_INVALID if none is named */
export function instructionPrompts(file: string | undefined): InstructionPrompt[] {
  if (file === undefined)
    throw new EvolveError('CONFIG_INVALID', 'the metric ifeval lacks its path, a file of prompts', FORM, {
      at: ['metrics'],
    });
  return readRecords(file, FORM, (value) => {
    const { prompt, instruction_id_list: ids, kwargs } = (value ?? {}) as Record<string, unknown>;
    if (typeof prompt !== 'string' || prompt.trim() === '')
      throw new RecordFault('expected a "prompt", a text');
    if (!Array.isArray(ids) || ids.length === 0)
      throw new RecordFault('expected an "instruction_id_list" of one or more');
    if (!Array.isArray(kwargs) || kwargs.length !== ids.length)
      throw new RecordFault(`expected "kwargs", a list of ${ids.length}, one for each instruction`);
    return { prompt, checks: ids.map((id, i) => checkOf(String(id), kwargs[i])) };
  });
}

function checkOf(id: string, kwargs: unknown): Check {
  if (!Object.hasOwn(RULES, id)) {
    const known = Object.keys(RULES);
    throw new RecordFault(`unknown instruction "${id}"${suggest(id, known)}`);
  }
  // Tables of this data have a null for each setting that a rule does not have.
  const given = Object.entries((kwargs ?? {}) as object).filter(([, setting]) => setting !== null);
  try {
    return RULES[id](Object.fromEntries(given));
  } catch (error) {
    if (error instanceof RecordFault) throw new RecordFault(`${id}: ${error.message}`);
    throw error;
  }
}
