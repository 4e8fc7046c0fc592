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
  const { tokenizer } = encoder;
  if (chatTemplate === undefined) return undefined;
  const asked = { instruction: 'a', input: '' };
  const [{ prompt }] = template.exchanges({ kind: 'instruction', ...asked, output: '' });
  const [ids, plain] = [encoder.encodePrompt(asked), tokenizer.encode(prompt)];
  const begins = tokenizer.bosId !== null && ids[0] === tokenizer.bosId && plain[0] !== tokenizer.bosId;
  if (ids.slice(begins ? 1 : 0).join() !== plain.join()) return undefined;
  return `${begins ? '{{ bos_token }}' : ''}${chatTemplate}`;
}

/** The files of a model with this template in the place of its own. */
export function withChatTemplate(files: Files, template: string): Files {
  const {
    'tokenizer_config.json': settings,
    'chat_template.jinja': _,
    ...others
  } = Object.fromEntries(files);
  const text = settings ? new TextDecoder().decode(settings) : '{}';
  const changed = withMembers(text, { chat_template: template });
  return new Map([...Object.entries(others), ['tokenizer_config.json', Buffer.from(changed)]]);
}
