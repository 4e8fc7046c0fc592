import type { Example } from '../contracts/dataset.js';
import type { Tokenizer } from '../contracts/encoder.js';
import type { EncodedExample, Span } from '../contracts/labels.js';

/**
 * The tokens of an answer that reason, where the example says which characters do. A token that spans the end of the
 * rationale counts as a part of it. Undefined where the answer's text does not come out of its tokens.
 */
export function rationaleOf(
  example: Example,
  { inputIds, spans }: EncodedExample,
  tokenizer: Pick<Tokenizer, 'decode'>,
): Span | undefined {
  if (example.kind !== 'instruction' || !example.rationale || spans.length !== 1) return undefined;
  const [[start, end]] = spans;
  const textOf = (until: number) => tokenizer.decode([...inputIds.subarray(start, until)]);
  const [from, to] = example.rationale;
  const begin = textOf(end).indexOf(example.output.slice(0, to).trimStart().slice(0, 24));
  if (begin < 0) return undefined;
  const boundary = (characters: number) => {
    let [low, high] = [start, end];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (textOf(middle).length < begin + characters) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return [from === 0 ? start : boundary(from), boundary(to)];
}
