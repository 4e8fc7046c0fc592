/** Where a chat template is: in a file, or among the files of a model. */

import { readFile } from 'node:fs/promises';
import { displayPath, EvolveError, type ModelFiles, messageOf } from '../../../core/index.js';

/** A chat template as it is written. */
export interface ChatSource {
  readonly text: string;
  /** Another one, for conversations with tools. */
  readonly withTools?: string | undefined;
  /** Where it is, for errors. */
  readonly at: string;
  /** Whether an exported model has it anyway, as the template that is taken where none is named. */
  readonly isKept: boolean;
}

const AT = { at: ['data', 'template'] };

/** @throws EvolveError CONFIG_INVALID if it cannot be read */
export async function templateInFile(path: string): Promise<ChatSource> {
  try {
    return { text: await readFile(path, 'utf8'), at: displayPath(path), isKept: false };
  } catch (cause) {
    const message = `data.template.path: ${displayPath(path)} cannot be read: ${messageOf(cause)}`;
    throw new EvolveError('CONFIG_INVALID', message, 'Name a file with a chat template in Jinja.', {
      cause,
      ...AT,
    });
  }
}

/**
 * The chat template of a model: chat_template.jinja, or else `chat_template` of chat_template.json or tokenizer_config.json.
 *
 * @param variant which of several, where they have names; else "default", and "tool_use" for conversations with tools
 * @throws EvolveError MODEL_INVALID if there is none, or none of this name
 */
export async function templateOfModel(model: ModelFiles, variant?: string): Promise<ChatSource> {
  const place = displayPath(model.path);
  const jinja = await model.readFile('chat_template.jinja');
  if (jinja && variant === undefined)
    return { text: new TextDecoder().decode(jinja), at: `${place}/chat_template.jinja`, isKept: true };
  for (const file of ['chat_template.json', 'tokenizer_config.json']) {
    const given = (await model.readJson(file))?.chat_template;
    if (given === undefined || given === null) continue;
    const named = namedIn(given);
    const at = `${place}/${file}`;
    const text = named.get(variant ?? 'default');
    const isDefault = variant === undefined;
    const isKept = isDefault && file === 'tokenizer_config.json';
    if (text !== undefined)
      return { text, withTools: isDefault ? named.get('tool_use') : undefined, at, isKept };
    const names = [...named.keys()].join(', ');
    const message = `${at}: chat_template has no template "${variant ?? 'default'}"; it has ${names || 'none that can be read'}`;
    const advice = 'Say which is meant: data.template: { name: chat, variant: … }';
    throw new EvolveError('MODEL_INVALID', message, advice, AT);
  }
  const sought = variant === undefined ? '' : ` of the name "${variant}"`;
  const message = `${place} has no chat template${sought}: there is neither chat_template.jinja nor chat_template in tokenizer_config.json`;
  const advice =
    'Take one from a file, data.template: { name: chat, path: ./mine.jinja }, or another template: alpaca, plain.';
  throw new EvolveError('MODEL_INVALID', message, advice, AT);
}

/** A text, a list of `{ name, template }`, or texts by name. */
function namedIn(given: unknown): Map<string, string> {
  if (typeof given === 'string') return new Map([['default', given]]);
  const entries: unknown[][] = Array.isArray(given)
    ? given.map((each: { name?: unknown; template?: unknown } | null) => [each?.name, each?.template])
    : Object.entries(given as object);
  const isNamed = (entry: unknown[]): entry is [string, string] =>
    entry.every((part) => typeof part === 'string');
  return new Map(entries.filter(isNamed));
}
