/** Text from a model, token by token. */

import * as tf from '@tensorflow/tfjs';
import { EvolveError } from './errors.js';
import { Random } from './random.js';
import type { LanguageModel, Prompt } from './types.js';

export interface GenerateOptions {
  readonly maxNewTokens: number;
  /** 0 takes the likeliest token each time (greedy); above, scores are divided by it and a token is drawn. */
  readonly temperature: number;
  /** Draw only from the likeliest tokens that together have this probability; 1 draws from all. */
  readonly topP: number;
  /** Draw only from this many of the likeliest tokens; 0 draws from all. */
  readonly topK: number;
  /** Above 1: makes tokens that stand in the text already less likely (CTRL, arXiv 1909.05858). */
  readonly repetitionPenalty: number;
  readonly seed: number;
}

export const GENERATE_DEFAULTS: GenerateOptions = {
  maxNewTokens: 128,
  temperature: 0,
  topP: 1,
  topK: 0,
  repetitionPenalty: 1,
  seed: 42,
};

export interface Generated {
  readonly text: string;
  readonly tokens: number;
  /** `end`: the model said it was done; `length`: maxNewTokens, or the positions of the model, ran out. */
  readonly stopped: 'end' | 'length';
}

/**
 * Answers an instruction in the backbone's own prompt format.
 *
 * @throws EvolveError where the prompt leaves no position for an answer
 */
export async function generate(
  model: LanguageModel,
  prompt: Prompt,
  options: GenerateOptions = GENERATE_DEFAULTS,
): Promise<Generated> {
  const { tokenizer } = model;
  const random = new Random(options.seed);
  const ids = model.encodePrompt(prompt);
  const promptLength = ids.length;
  if (promptLength >= model.maxLength) {
    const message = `the prompt has ${promptLength} tokens, but the model was made for ${model.maxLength} positions`;
    throw new EvolveError('COMMAND_LINE', message, 'Shorten the instruction or its input.');
  }
  const limit = Math.min(promptLength + options.maxNewTokens, model.maxLength);
  let stopped: Generated['stopped'] = 'length';
  while (ids.length < limit) {
    const batch = model.collate([{ inputIds: Int32Array.from(ids), labels: Int32Array.from(ids) }]);
    const logits = tf.tidy(() => model.nextLogits(batch));
    const scores = Float32Array.from(await logits.data());
    logits.dispose();
    const next = pickToken(scores, ids, options, random);
    if (next === tokenizer.eosId) {
      stopped = 'end';
      break;
    }
    ids.push(next);
  }
  return {
    text: tokenizer.decode(ids.slice(promptLength)).trim(),
    tokens: ids.length - promptLength,
    stopped,
  };
}

/**
 * The next token from its `scores` (changed in place): repetition penalty, then temperature, top-k and top-p, as
 * transformers orders them.
 */
export function pickToken(
  scores: Float32Array,
  soFar: readonly number[],
  options: GenerateOptions,
  random: Random,
): number {
  for (const id of new Set(options.repetitionPenalty === 1 ? [] : soFar)) {
    scores[id] =
      scores[id] > 0 ? scores[id] / options.repetitionPenalty : scores[id] * options.repetitionPenalty;
  }
  if (options.temperature === 0)
    return scores.reduce((best, score, id) => (score > scores[best] ? id : best), 0);

  let candidates = Array.from(scores, (_, id) => id).sort((a, b) => scores[b] - scores[a] || a - b);
  if (options.topK > 0) candidates = candidates.slice(0, options.topK);
  const highest = scores[candidates[0]];
  const weights = candidates.map((id) => Math.exp((scores[id] - highest) / options.temperature));
  const total = weights.reduce((a, b) => a + b, 0);
  // The nucleus: the shortest run of likeliest tokens that reaches topP.
  let nucleus = 0;
  let mass = 0;
  do mass += weights[nucleus++];
  while (mass < options.topP * total && nucleus < candidates.length);
  let draw = random.next() * mass;
  for (let i = 0; i < nucleus; i++) {
    draw -= weights[i];
    if (draw < 0) return candidates[i];
  }
  return candidates[nucleus - 1];
}
