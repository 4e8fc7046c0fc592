import {
  type EncodedExample,
  type Encoder,
  EvolveError,
  type Example,
  type Prompt,
  type Template,
  type TextExample,
  type Tokenizer,
  unknownKind,
} from '../../../core/index.js';
import { exchangesOfPrompt, joinPieces, piecesOf } from './label-mask.js';

/**
 * The encoder of a model that reads from left to right. A row begins with the tokenizer's start tokens. Each exchange of
 * the template follows: its prompt, then its answer and the end token, which have labels where it is trained on. A text for
 * pretraining has labels from end to end, the end token included.
 */
export class CausalEncoder implements Encoder {
  constructor(
    readonly tokenizer: Tokenizer,
    private readonly template: Template,
  ) {}

  get #start(): readonly number[] {
    const { startIds, bosId } = this.tokenizer;
    return startIds ?? (bosId === null ? [] : [bosId]);
  }

  encode(example: Example, cutoffLength: number): EncodedExample {
    const { tokenizer } = this;
    const start = { ids: this.#start, trained: false };
    switch (example.kind) {
      case 'instruction':
      case 'turns': {
        const exchanges = this.template.exchanges(example);
        return joinPieces(
          [start, ...exchanges.flatMap((exchange) => piecesOf(tokenizer, exchange))],
          cutoffLength,
        );
      }
      case 'text': {
        const ids = [...tokenizer.encode(example.text), tokenizer.eosId];
        return joinPieces([start, { ids, trained: true }], cutoffLength);
      }
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
    const { before, last } = exchangesOfPrompt(this.template, prompt);
    const pieces = before.flatMap((exchange) => piecesOf(this.tokenizer, exchange));
    return [...this.#start, ...pieces.flatMap(({ ids }) => ids), ...this.tokenizer.encode(last)];
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
