/**
 * Text from a model.
 *
 *     const { text } = await generate(model, encoder, { instruction: 'Name a fruit.', input: '' });
 *     await generateAll(model, encoder, prompts, { ...GENERATE_DEFAULTS, numBeams: 4 }, ({ text }, i) => …);
 */

import { EvolveError } from '../base/errors.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { Prompt } from '../contracts/dataset.js';
import type { Encoder } from '../contracts/encoder.js';
import type { Generated } from '../contracts/generation.js';
import { describeLengthLimit } from '../contracts/length-limit.js';
import { BeamSearch } from './beams.js';
import { type DecodeAllOptions, decode } from './decoder.js';
import { GENERATE_DEFAULTS, type GenerateOptions } from './options.js';
import { type Search, TokenSearch } from './search.js';

export type { Generated } from '../contracts/generation.js';
export { GENERATE_DEFAULTS, type GenerateOptions } from './options.js';

/** Called with the answer so far whenever it has grown. Not called with beams. */
export type GenerateListener = (text: string) => void;

/**
 * Answers a prompt as its encoder puts it.
 *
 * @param decoding the device that the model is on, and a signal that stops it
 * @throws EvolveError if the prompt leaves no position for an answer, no token can be chosen, or the signal aborts
 */
export async function generate(
  model: LanguageModel,
  encoder: Encoder,
  prompt: Prompt,
  options: GenerateOptions = GENERATE_DEFAULTS,
  listener?: GenerateListener,
  decoding?: DecodeAllOptions,
): Promise<Generated> {
  const search = searchFor(model, encoder, prompt, options);
  const listens = listener !== undefined && options.numBeams === 1;
  const tell = () => {
    if (listens) listener(generatedOf(encoder, search).text);
  };
  await decode(model, [search], tell, decoding);
  return generatedOf(encoder, search);
}

/**
 * Answers many instructions side by side, each as `generate` answers it alone, with the same seed.
 *
 * @param onAnswer called with each answer and its prompt's index, in the order of the prompts
 * @param decoding the device that the model is on, and a signal that stops it
 * @throws EvolveError if a prompt leaves no position for an answer (before any is answered), no token can be chosen, or the
 *   signal aborts
 */
export async function generateAll(
  model: LanguageModel,
  encoder: Encoder,
  prompts: readonly Prompt[],
  options: GenerateOptions,
  onAnswer: (generated: Generated, index: number) => void,
  decoding?: DecodeAllOptions,
): Promise<void> {
  const searches = prompts.map((prompt, i) => searchFor(model, encoder, prompt, options, `prompt ${i + 1}`));
  let told = 0;
  const tell = () => {
    while (told < searches.length && searches[told].hypotheses.length === 0) {
      onAnswer(generatedOf(encoder, searches[told]), told);
      told++;
    }
  };
  await decode(model, searches, tell, decoding);
}

function searchFor(
  model: LanguageModel,
  encoder: Encoder,
  prompt: Prompt,
  options: GenerateOptions,
  name = 'the prompt',
): Search {
  const { eosId, stopIds = [eosId] } = encoder.tokenizer;
  const ids = encoder.encodePrompt(prompt);
  if (ids.length >= model.maxLength) {
    const message = `${name} has ${ids.length} tokens, but ${describeLengthLimit(model)}`;
    throw new EvolveError('COMMAND_LINE', message, 'Shorten the instruction or its input.');
  }
  const limit = Math.min(ids.length + options.maxNewTokens, model.maxLength);
  const all = { ...options, name, stopIds: new Set(stopIds), limit };
  return options.numBeams > 1 ? new BeamSearch(ids, all) : new TokenSearch(ids, all);
}

function generatedOf({ tokenizer }: Encoder, { answer }: Search): Generated {
  const { ids, stopped } = answer;
  return { text: tokenizer.decode(ids).trim(), tokens: ids.length, stopped };
}
