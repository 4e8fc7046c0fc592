import {
  type EncodedExample,
  type Encoder,
  EvolveError,
  type Example,
  type LengthLimit,
  type Prompt,
  type Template,
  type TextExample,
  type Tokenizer,
  unknownKind,
} from '../../../core/index.js';
import { encodeTokens, exchangeWords, joinPieces, type Words } from './label-mask.js';
import { passageWords } from './passages.js';

/**
 * The encoder of a model that reads from left to right. A row begins with the tokenizer's start tokens. Each exchange of
 * the template follows: its prompt, then its answer and the end token, which have labels where it is trained on. A template
 * that writes special tokens itself writes the whole row. A text for pretraining has labels from end to end, the end token
 * included.
 */
export class CausalEncoder implements Encoder {
  readonly tokenizer: Tokenizer;
  readonly #start: readonly number[];
  readonly #words: Words;

  /** @param rows of the embedding: tokens beyond have none */
  constructor(
    tokenizer: Tokenizer,
    template: Template,
    private readonly rows = tokenizer.vocabularySize,
    readonly limit?: LengthLimit,
  ) {
    const { startIds, bosId } = tokenizer;
    this.#start = startIds ?? (bosId === null ? [] : [bosId]);
    this.#words = template.passages
      ? passageWords(tokenizer, template, rows)
      : exchangeWords(tokenizer, template, this.#start);
    this.tokenizer = this.#words.tokenizer;
  }

  encode(example: Example, cutoffLength: number): EncodedExample {
    const { tokenizer } = this;
    switch (example.kind) {
      case 'instruction':
      case 'turns':
        return joinPieces(this.#words.piecesOf(example), cutoffLength);
      case 'text': {
        const ids = [...tokenizer.encode(example.text), tokenizer.eosId];
        return joinPieces(
          [
            { ids: this.#start, trained: false },
            { ids, trained: true },
          ],
          cutoffLength,
        );
      }
      case 'tokens':
        return encodeTokens(Math.min(this.rows, tokenizer.vocabularySize), example, cutoffLength);
      case 'preference':
        return refusePreference();
      default:
        return unknownKind(example);
    }
  }

  /** A text cut into rows. The first begins with the start tokens, the last has the end token. */
  encodeParts({ text }: TextExample, cutoffLength: number): EncodedExample[] {
    const { tokenizer } = this;
    const ids = [...this.#start, ...tokenizer.encode(text), tokenizer.eosId];
    const starts = Array.from({ length: Math.ceil(ids.length / cutoffLength) }, (_, i) => i * cutoffLength);
    return starts.map((start) => {
      const inputIds = Int32Array.from(ids.slice(start, start + cutoffLength));
      return { inputIds, spans: [[start === 0 ? this.#start.length : 0, inputIds.length]] };
    });
  }

  encodePrompt(prompt: Prompt): number[] {
    return this.#words.promptOf(prompt);
  }
}

/** @throws EvolveError: such an example has no row of its own */
export function refusePreference(): never {
  const message = 'preference pairs are for preference tuning';
  throw new EvolveError(
    'DATA_RECORD',
    message,
    'take: chosen in the source trains on the preferred answers.',
  );
}
