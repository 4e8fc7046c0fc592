/** How likely a model finds answers that it did not make. */

import { EvolveError } from '../base/errors.js';
import { tf } from '../base/tf.js';
import type { Example } from '../contracts/dataset.js';
import type { Encoder } from '../contracts/encoder.js';
import type { EncodedExample } from '../contracts/labels.js';
import { describeLengthLimit } from '../contracts/length-limit.js';
import type { AnswerLikelihood, PromptedAnswer } from '../contracts/metric.js';
import type { Training } from './training.js';

/** So many tokens go through the model at a time; a row of more goes alone. */
const MOST_TOKENS = 2048;

/**
 * How likely the model finds answers, in their order. The token that ends an answer does not count: models that were not trained on
 * such answers do not end them.
 *
 * @throws EvolveError DATA_RECORD if a prompt leaves no room for its answer
 */
export async function answerLikelihoods(
  { model, encoder, breathe }: Pick<Training, 'model' | 'encoder' | 'breathe'>,
  answers: readonly PromptedAnswer[],
): Promise<AnswerLikelihood[]> {
  const rows = answers.map((answer, i) => {
    const whole = encoder.encode(exampleOf(answer), model.maxLength);
    const row = withoutEnd(whole, encoder);
    if (row.spans.length > 0 && whole.inputIds.length < model.maxLength) return row;
    const message = `answer ${i + 1} of ${answers.length}: its prompt leaves no room for it, as ${describeLengthLimit(model)}`;
    throw new EvolveError('DATA_RECORD', message, 'Shorten the question, or leave it out.');
  });
  const found: AnswerLikelihood[] = [];
  for (const part of partsOf(rows)) {
    await breathe();
    const batch = model.collate(part);
    const told = tf.tidy(() =>
      model.logProbabilities(batch, { training: false, seed: 0, checkpointing: false }),
    );
    const values = await told.data<'float32'>();
    told.dispose();
    let at = 0;
    for (const { spans } of part) {
      const tokens = spans.reduce((sum, [start, end]) => sum + end - start, 0);
      const logProbability = values.subarray(at, at + tokens).reduce((sum, value) => sum + value, 0);
      found.push({ logProbability, tokens });
      at += tokens;
    }
  }
  return found;
}

function exampleOf({ prompt, answer }: PromptedAnswer): Example {
  if (!('turns' in prompt)) return { kind: 'instruction', ...prompt, output: answer };
  const before = prompt.turns.map(({ role, content }) => ({ role, content, trained: false }));
  return { kind: 'turns', turns: [...before, { role: 'assistant', content: answer, trained: true }] };
}

/** The row up to the end of its last answer's text. */
function withoutEnd({ inputIds, spans }: EncodedExample, { tokenizer }: Encoder): EncodedExample {
  const stopIds = new Set(tokenizer.stopIds ?? [tokenizer.eosId]);
  const last = spans.at(-1);
  if (!last) return { inputIds, spans };
  let [start, end] = last;
  while (end > start && stopIds.has(inputIds[end - 1])) end--;
  const others = spans.slice(0, -1);
  return { inputIds: inputIds.subarray(0, end), spans: end > start ? [...others, [start, end]] : others };
}

/** Rows that go through the model together. */
function* partsOf(rows: readonly EncodedExample[]): Generator<EncodedExample[]> {
  let part: EncodedExample[] = [];
  let tokens = 0;
  for (const row of rows) {
    if (part.length > 0 && tokens + row.inputIds.length > MOST_TOKENS) {
      yield part;
      [part, tokens] = [[], 0];
    }
    part.push(row);
    tokens += row.inputIds.length;
  }
  if (part.length > 0) yield part;
}
