import {
  deriveSeed,
  type EncodedExample,
  type Encoder,
  EvolveError,
  type Example,
  type Exchange,
  type InstructionExample,
  type Prompt,
  Random,
  type Template,
  type Tokenizer,
  type TokensExample,
  type TurnsExample,
  unknownKind,
  type WordTemplate,
} from '../../../core/index.js';
import { refusePreference } from '../kit/encoder.js';
import { encodeExchange, encodeTokens, exchangesOfPrompt, joinPieces } from '../kit/label-mask.js';
import type { MarkerIds } from './config.js';
import { withoutLastSpace, wordsAlone } from './template.js';

/**
 * A row of ChatGLM-6B: a context, the mask that the answer fills (`[gMASK]`), `<sop>`, the answer, `<eop>`. Labels begin
 * after `<sop>`. Of a conversation all but the last answer is context.
 */
export class ChatGlmEncoder implements Encoder {
  readonly #template: WordTemplate;

  /** @param seed settles where texts for pretraining are cut */
  constructor(
    readonly tokenizer: Tokenizer,
    template: Template,
    private readonly markers: MarkerIds,
    private readonly seed: number,
  ) {
    this.#template = withoutLastSpace(wordsAlone(template));
  }

  encode(example: Example, cutoffLength: number): EncodedExample {
    switch (example.kind) {
      case 'instruction':
      case 'turns':
        return this.#encodeExchanges(example, cutoffLength);
      case 'text': {
        const [context, target] = this.#cutText(example.text, cutoffLength);
        return this.#row(context, target, true, cutoffLength);
      }
      case 'tokens':
        return this.#ofTokens(example, cutoffLength);
      case 'preference':
        return refusePreference();
      default:
        return unknownKind(example);
    }
  }

  encodePrompt(prompt: Prompt): number[] {
    const { before, last } = exchangesOfPrompt(this.#template, prompt);
    return this.#withMarkers(this.tokenizer.encode(textOf(before) + last));
  }

  #encodeExchanges(example: InstructionExample | TurnsExample, cutoffLength: number): EncodedExample {
    const exchanges = this.#template.exchanges(example);
    const [before, last] = [exchanges.slice(0, -1), exchanges[exchanges.length - 1]];
    const trained = before.findIndex((exchange) => exchange.trained);
    if (trained >= 0) {
      const message = `answer ${trained + 1} of ${exchanges.length} is to be trained on, but ChatGLM-6B learns the last answer of a conversation alone`;
      const advice =
        'Make an example of each answer, with what came before it, or set trained: false on all but the last.';
      throw new EvolveError('DATA_RECORD', message, advice);
    }
    const [context, answer] = encodeExchange(this.tokenizer, textOf(before) + last.prompt, last.answer);
    return this.#row(context, answer, last.trained, cutoffLength);
  }

  /** A row in tokens has the markers in their places, and labels behind them. */
  #ofTokens(example: TokensExample, cutoffLength: number): EncodedExample {
    const row = encodeTokens(this.tokenizer.vocabularySize, example, cutoffLength);
    const { gmask, mask, start } = this.markers;
    const begin = row.inputIds.indexOf(start);
    const masks = [gmask, mask].map((id) => row.inputIds.indexOf(id)).filter((at) => at >= 0);
    if (masks.some((at) => at < begin) && row.spans.every(([first]) => first > begin)) return row;
    const message = `a row of ChatGLM-6B has [gMASK] (${gmask}), then <sop> (${start}), and labels behind them alone`;
    throw new EvolveError(
      'DATA_RECORD',
      message,
      'Make the tokens with the tokenizer of this model; a longer data.cutoffLength keeps more of them.',
    );
  }

  #row(
    context: readonly number[],
    answer: readonly number[],
    trained: boolean,
    cutoffLength: number,
  ): EncodedExample {
    const pieces = [
      { ids: this.#withMarkers(context), trained: false },
      { ids: [...answer, this.tokenizer.eosId], trained },
    ];
    return joinPieces(pieces, cutoffLength);
  }

  #withMarkers(context: readonly number[]): number[] {
    return [...context, this.markers.gmask, this.markers.start];
  }

  /**
   * The tokens of a text before and after a place that the seed and the text settle; with both markers they fit into
   * `cutoffLength`. What stands before is context, the rest is trained on. Half of the texts have no context; in the
   * others every place is as likely. (GLM, arXiv 2103.10360, has the model fill the last half to all of a document.)
   */
  #cutText(text: string, cutoffLength: number): [number[], number[]] {
    const ids = this.tokenizer.encode(text).slice(0, cutoffLength - 2);
    const share = 2 * new Random(deriveSeed(this.seed, text)).next() - 1;
    const at = Math.floor(Math.max(0, share) * ids.length);
    return [ids.slice(0, at), ids.slice(at)];
  }
}

function textOf(exchanges: readonly Exchange[]): string {
  return exchanges.map(({ prompt, answer }) => prompt + answer).join('');
}
