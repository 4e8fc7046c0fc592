/**
 * The chat template that an exported model carries: the words that it was trained with, so that chat programs ask it in the
 * same way.
 */

import { withMembers } from '../base/json-text.js';
import type { Encoder } from '../contracts/encoder.js';
import type { Template } from '../contracts/template.js';

type Files = ReadonlyMap<string, Uint8Array>;

/**
 * The template as transformers has it; undefined if it says nothing of itself, or the model begins texts with more than
 * its begin token, which such a template could not tell.
 */
export function chatTemplateOf(
  template: Template,
  encoder: Pick<Encoder, 'tokenizer' | 'encodePrompt'>,
): string | undefined {
  const { chatTemplate } = template;
  if (template.passages) return chatTemplate;
  const { tokenizer } = encoder;
  if (chatTemplate === undefined) return undefined;
  const asked = { instruction: 'a', input: '' };
  const [{ prompt }] = template.exchanges({ kind: 'instruction', ...asked, output: '' });
  const [ids, plain] = [encoder.encodePrompt(asked), tokenizer.encode(prompt)];
  const begins = tokenizer.bosId !== null && ids[0] === tokenizer.bosId && plain[0] !== tokenizer.bosId;
  if (ids.slice(begins ? 1 : 0).join() !== plain.join()) return undefined;
  return `${begins ? '{{ bos_token }}' : ''}${chatTemplate}`;
}

/** In what words a model is asked, where its files do not say it. */
export interface ChatWords {
  readonly chatTemplate?: string | undefined;
  /** The tokens at which its answers end. */
  readonly stopIds?: readonly number[] | undefined;
}

/** The files of a model with these words in the place of its own. @param config config.json */
export function withChatWords(
  files: Files,
  config: string,
  { chatTemplate, stopIds = [] }: ChatWords,
): Files {
  const changed = new Map(files);
  const change = (file: string, key: string, value: unknown) => {
    const text = new TextDecoder().decode(changed.get(file) ?? Buffer.from('{}'));
    changed.set(file, Buffer.from(withMembers(text, { [key]: value })));
  };
  if (chatTemplate !== undefined) {
    changed.delete('chat_template.jinja');
    change('tokenizer_config.json', 'chat_template', chatTemplate);
  }
  const generation = JSON.parse(
    new TextDecoder().decode(files.get('generation_config.json') ?? Buffer.from('{}')),
  );
  // One end token alone is the tokenizer's, which every program knows.
  const known = [generation.eos_token_id ?? JSON.parse(config).eos_token_id ?? stopIds[0]].flat();
  if (stopIds.some((id) => !known.includes(id)))
    change('generation_config.json', 'eos_token_id', [...new Set([...known, ...stopIds])]);
  return changed;
}
