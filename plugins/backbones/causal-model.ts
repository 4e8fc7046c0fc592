import {
  type Batch,
  crossEntropy,
  type EncodedExample,
  type Example,
  IGNORED,
  type LanguageModel,
  type LinearSite,
  type Pass,
  selectRows,
  type Tokenizer,
  type tf,
} from '../../core/index.js';
import { encodeExample, encodePrompt } from './encode.js';

/** What a causal model is made of, apart from its layers. */
export interface CausalModelParts
  extends Pick<
    LanguageModel,
    'backbone' | 'path' | 'tokenizer' | 'parameterCount' | 'maxLength' | 'linears'
  > {
  /** From the last hidden state to the logits; one of `linears`. */
  readonly output: LinearSite;
  /** What `dispose` frees, besides the trainable variables. */
  readonly tensors: readonly tf.Tensor[];
}

/**
 * A language model that predicts each token from those before it, prompted in Alpaca's format, padded on the
 * right. A backbone extends it with the way from tokens to hidden states; it overrides what it does otherwise.
 */
export abstract class CausalModel implements LanguageModel {
  readonly backbone: string;
  readonly path: string;
  readonly tokenizer: Tokenizer;
  readonly parameterCount: number;
  readonly maxLength: number;
  readonly linears: readonly LinearSite[];
  readonly trainable = new Map<string, tf.Variable>();

  constructor(private readonly parts: CausalModelParts) {
    ({
      backbone: this.backbone,
      path: this.path,
      tokenizer: this.tokenizer,
      parameterCount: this.parameterCount,
      maxLength: this.maxLength,
      linears: this.linears,
    } = parts);
  }

  /** The last hidden states, normalized, `[rows × length, hidden]`. */
  protected abstract hidden(batch: Batch, pass: Pass): tf.Tensor2D;

  encode(example: Example, cutoffLength: number): EncodedExample {
    return encodeExample(this.tokenizer, example, cutoffLength);
  }

  encodePrompt(prompt: Pick<Example, 'instruction' | 'input'>): number[] {
    return encodePrompt(this.tokenizer, prompt);
  }

  collate(examples: readonly EncodedExample[]): Batch {
    return padRight(examples, this.tokenizer.padId);
  }

  /** The output layer, by far the widest, sees only the positions that predict a label. */
  loss(batch: Batch, pass: Pass): tf.Scalar {
    const positions = new Int32Array(batch.targets);
    const labels = new Int32Array(batch.targets);
    let count = 0;
    for (let at = 0; at < batch.labels.length; at++) {
      if (at % batch.length === 0 || batch.labels[at] === IGNORED) continue;
      positions[count] = at - 1;
      labels[count++] = batch.labels[at];
    }
    const predicting = selectRows(this.hidden(batch, pass), positions);
    return crossEntropy(this.parts.output.forward(predicting, pass), labels);
  }

  logits(batch: Batch, pass: Pass): tf.Tensor2D {
    return this.parts.output.forward(this.hidden(batch, pass), pass);
  }

  nextLogits(batch: Batch): tf.Tensor2D {
    const pass: Pass = { training: false, seed: 0 };
    const last = batch.lengths.map((length, row) => row * batch.length + length - 1);
    return this.parts.output.forward(selectRows(this.hidden(batch, pass), last), pass);
  }

  dispose(): void {
    for (const tensor of [...this.parts.tensors, ...this.trainable.values()]) tensor.dispose();
  }
}

/** Rows under each other, padded on the right to the longest with `padId`, which no label and no length counts. */
export function padRight(examples: readonly EncodedExample[], padId: number): Batch {
  const lengths = Int32Array.from(examples, ({ inputIds }) => inputIds.length);
  const length = Math.max(...lengths);
  const rows = examples.length;
  const inputIds = new Int32Array(rows * length).fill(padId);
  const labels = new Int32Array(rows * length).fill(IGNORED);
  let targets = 0;
  for (const [row, example] of examples.entries()) {
    inputIds.set(example.inputIds, row * length);
    labels.set(example.labels, row * length);
    // The first token has nothing before it that could predict it.
    targets += example.labels.subarray(1).reduce((count, label) => count + Number(label !== IGNORED), 0);
  }
  return { inputIds, labels, rows, length, lengths, targets };
}
