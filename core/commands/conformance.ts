/** What every device must compute right: ops, forward and backward, held to their composed forms on TensorFlow.js's plain backend. */

import { messageOf } from '../base/errors.js';
import { type DenseType, encodeFloats } from '../base/floats.js';
import { Random } from '../base/random.js';
import { tf } from '../base/tf.js';
import { adamw } from '../ops/adamw.js';
import { addBias } from '../ops/add-bias.js';
import { type AttentionOptions, attention } from '../ops/attention.js';
import { dropout } from '../ops/dropout.js';
import { embedding } from '../ops/embedding.js';
import { DenseWeight } from '../ops/frozen-weight.js';
import { gelu } from '../ops/gelu.js';
import { globalNorm } from '../ops/global-norm.js';
import { layerNorm } from '../ops/layer-norm.js';
import { linear } from '../ops/linear.js';
import { linearCrossEntropy } from '../ops/linear-cross-entropy.js';
import { logProbabilities } from '../ops/log-probabilities.js';
import { loraLinear } from '../ops/lora-linear.js';
import { rmsNorm } from '../ops/rms-norm.js';
import { rotary, rotaryAngles, rotaryFrequencies } from '../ops/rotary.js';
import { selectRows } from '../ops/select-rows.js';
import { splitColumns } from '../ops/split-columns.js';
import { swiglu } from '../ops/swiglu.js';

/** An op on numbers that are the same each time. */
export interface ConformanceCase {
  readonly kernel: string;
  /** The largest error allowed of a result, relative to its largest magnitude. */
  readonly tolerance: number;
  compute(): tf.Tensor[];
}

/** How a device did. */
export interface CaseOutcome {
  readonly passed: boolean;
  /** The largest of all results. */
  readonly error: number;
  /** What is wrong besides the numbers: an error that was thrown, or another result the second time. */
  readonly fault?: string;
}

/** Sums of about a hundred fp32 terms in another order. */
const FP32 = 2e-5;
/** Products in bf16, which has 8 bits; some devices compute those of f16 weights so too. */
const BF16 = 1.5e-2;

type Shape = [number, number];

/** Uniform in −1 … 1. */
function random<R extends tf.Rank>(shape: tf.ShapeMap[R], seed: number): tf.Tensor<R> {
  const size = shape.reduce((product: number, extent: number) => product * extent, 1);
  return tf.tensor(new Random(seed).uniform(size, -1, 1), shape);
}
const matrix = (shape: Shape, seed: number) => random<tf.Rank.R2>(shape, seed);
const vector = (size: number, seed: number) => random<tf.Rank.R1>([size], seed);
const weight = (shape: Shape, type: DenseType, seed = 9) =>
  new DenseWeight(shape, type, encodeFloats(type, new Random(seed).uniform(shape[0] * shape[1], -1, 1)));

/** `f(inputs)`, and the gradients of its sum, weighted at random, by the inputs. */
function both<const T extends readonly tf.Tensor[]>(inputs: T, f: (...inputs: T) => tf.Tensor): tf.Tensor[] {
  const y = f(...inputs);
  const call = f as unknown as (...tensors: tf.Tensor[]) => tf.Tensor;
  return [y, ...tf.grads(call)([...inputs], random(y.shape as Shape, 99))];
}

function linearCases(type: DenseType, tolerance: number): ConformanceCase[] {
  return [
    {
      kernel: `linear, ${type} weight`,
      tolerance,
      compute: () => both([matrix([70, 96], 1)], (x) => linear(x, weight([136, 96], type), vector(136, 2))),
    },
    {
      kernel: `linear with LoRA, ${type} weight`,
      tolerance,
      compute: () =>
        both([matrix([37, 64], 1), matrix([8, 64], 2), matrix([72, 8], 3)], (x, a, b) =>
          loraLinear(x, weight([72, 64], type), null, { a, b, scaling: 2, dropout: 0.1, seed: 5 }),
        ),
    },
    {
      kernel: `output layer with cross-entropy, ${type} weight`,
      tolerance,
      compute: () =>
        both([matrix([9, 64], 1)], (x) => {
          const labels = Int32Array.from({ length: 9 }, (_, i) => 11 * i);
          return linearCrossEntropy(x, weight([300, 64], type), null, labels, true);
        }),
    },
  ];
}

function attentionCase(
  kernel: string,
  [heads, kvHeads, dim]: readonly number[],
  further: Partial<AttentionOptions> = {},
  tolerance = FP32,
): ConformanceCase {
  const options = { scale: 1 / Math.sqrt(dim), offsets: Int32Array.of(0, 5, 45), ...further };
  const part = (heads: number, seed: number) => random<tf.Rank.R3>([45, heads, dim], seed);
  return {
    kernel: `attention, ${kernel}`,
    tolerance,
    compute: () =>
      both([part(heads, 1), part(kvHeads, 2), part(kvHeads, 3)], (q, k, v) => attention(q, k, v, options)),
  };
}

export const CONFORMANCE_CASES: readonly ConformanceCase[] = [
  ...linearCases('f32', FP32),
  ...linearCases('bf16', BF16),
  ...linearCases('f16', BF16),
  attentionCase('causal', [2, 2, 64]),
  attentionCase('grouped heads', [6, 2, 32]),
  attentionCase('prefix', [2, 2, 16], { prefixes: Int32Array.of(3, 20) }),
  attentionCase('ALiBi', [2, 2, 16], { slopes: Float32Array.of(0.5, 0.25) }),
  attentionCase('bf16', [4, 2, 64], { precisionOf: weight([1, 1], 'bf16') }, BF16),
  {
    kernel: 'embedding',
    tolerance: 0,
    compute: () => [embedding(Int32Array.of(4, 0, 4, 22), weight([23, 33], 'bf16'))],
  },
  {
    kernel: 'RMS norm',
    tolerance: FP32,
    compute: () => both([matrix([5, 576], 1), vector(576, 2)], (x, w) => rmsNorm(x, w, 1e-5)),
  },
  {
    kernel: 'layer norm',
    tolerance: FP32,
    compute: () =>
      both([matrix([5, 576], 1), vector(576, 2), vector(576, 3)], (x, w, b) => layerNorm(x, w, b, 1e-5)),
  },
  {
    kernel: 'SwiGLU',
    tolerance: FP32,
    compute: () => both([matrix([5, 170], 1), matrix([5, 170], 2)], (gate, up) => swiglu(gate, up)),
  },
  { kernel: 'GELU', tolerance: FP32, compute: () => both([matrix([5, 170], 1)], (x) => gelu(x)) },
  ...(['half', 'interleaved', 'twoDimensional'] as const).map((form) => ({
    kernel: `rotary embedding, ${form}`,
    tolerance: FP32,
    compute: () => {
      const angles = rotaryAngles(Int32Array.of(0, 3, 700), rotaryFrequencies(16, 10_000));
      return both([random<tf.Rank.R3>([3, 2, 16], 1)], (x) => rotary(x, angles, form));
    },
  })),
  {
    kernel: 'dropout',
    tolerance: 1e-6,
    compute: () => both([matrix([7, 90], 1)], (x) => dropout(x, 0.3, 0xfedcba98)),
  },
  {
    kernel: 'bias',
    tolerance: FP32,
    compute: () => both([matrix([7, 90], 1), vector(90, 2)], (x, bias) => addBias(x, bias)),
  },
  {
    kernel: 'selected rows',
    tolerance: 1e-6,
    compute: () => both([matrix([5, 40], 1)], (x) => selectRows(x, Int32Array.of(2, 2, 0, 4))),
  },
  {
    kernel: 'split columns',
    tolerance: 1e-6,
    compute: () =>
      both([matrix([3, 41], 1)], (x) =>
        tf.concat(
          splitColumns(x, [7, 1, 33]).map((part, i) => tf.mul(part, i + 2)),
          1,
        ),
      ),
  },
  {
    kernel: 'log-probabilities',
    tolerance: FP32,
    compute: () => both([matrix([3, 300], 1)], (x) => logProbabilities(x, Int32Array.of(0, 299, 7))),
  },
  {
    kernel: 'norm of gradients',
    tolerance: FP32,
    compute: () => [globalNorm([matrix([5, 30], 1), vector(700, 2)])],
  },
  {
    kernel: 'AdamW',
    tolerance: FP32,
    compute: () => {
      const [value, gradient] = [matrix([5, 130], 1), matrix([5, 130], 2)];
      const state = { mean: tf.mul(gradient, 0.1), square: tf.square(gradient) };
      const options = { learningRate: 1e-2, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 };
      const { values, states } = adamw([value], [gradient], [state], {
        ...options,
        step: 3,
        gradientScale: 0.5,
      });
      return [values[0], states[0].mean, states[0].square];
    },
  },
];

/** Computes a case on TensorFlow.js's plain backend, and twice on `backend`, which stays active. */
export async function runCase(
  { tolerance, compute }: ConformanceCase,
  backend: string,
): Promise<CaseOutcome> {
  await tf.setBackend('cpu');
  const expected = numbersOf(compute);
  await tf.setBackend(backend);
  try {
    const [actual, again] = [numbersOf(compute), numbersOf(compute)];
    const error = Math.max(...expected.map((values, i) => relativeError(actual[i], values)));
    const isSame = actual.every((values, i) =>
      Buffer.from(values.buffer).equals(Buffer.from(again[i].buffer)),
    );
    if (!isSame) return { passed: false, error, fault: 'yields other numbers the second time' };
    return { passed: error <= tolerance, error };
  } catch (error) {
    return { passed: false, error: Number.POSITIVE_INFINITY, fault: messageOf(error) };
  }
}

function numbersOf(compute: () => tf.Tensor[]): Float32Array[] {
  const numbers: Float32Array[] = [];
  tf.tidy(() => {
    for (const tensor of compute()) numbers.push(tensor.dataSync().slice() as Float32Array);
  });
  return numbers;
}

/** The largest difference, relative to the largest expected magnitude; infinite where a number is none. */
function relativeError(actual: Float32Array, expected: Float32Array): number {
  let [scale, worst] = [1e-30, 0];
  for (const [i, value] of expected.entries()) {
    scale = Math.max(scale, Math.abs(value));
    const error = Math.abs(actual[i] - value);
    worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error);
  }
  return worst / scale;
}
