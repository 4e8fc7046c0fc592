import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { FrozenWeight, KernelAttrs, KernelTensors, TensorKernelName } from '../../../core/index.js';
import { adamw } from '../../../core/ops/adamw.js';
import { addBias } from '../../../core/ops/add-bias.js';
import { attention } from '../../../core/ops/attention.js';
import { crossEntropy } from '../../../core/ops/cross-entropy.js';
import { dispatch, dispatchAll, perform } from '../../../core/ops/dispatch.js';
import { dropout } from '../../../core/ops/dropout.js';
import { embedding } from '../../../core/ops/embedding.js';
import { DenseWeight } from '../../../core/ops/frozen-weight.js';
import { gelu } from '../../../core/ops/gelu.js';
import { globalNorm } from '../../../core/ops/global-norm.js';
import { layerNorm } from '../../../core/ops/layer-norm.js';
import { linear } from '../../../core/ops/linear.js';
import { linearCrossEntropy } from '../../../core/ops/linear-cross-entropy.js';
import { logProbabilities } from '../../../core/ops/log-probabilities.js';
import { loraLinear } from '../../../core/ops/lora-linear.js';
import { rmsNorm } from '../../../core/ops/rms-norm.js';
import { rotary } from '../../../core/ops/rotary.js';
import { selectRows } from '../../../core/ops/select-rows.js';
import { splitColumns } from '../../../core/ops/split-columns.js';
import { swiglu } from '../../../core/ops/swiglu.js';
import { trainableLinearCrossEntropy } from '../../../core/ops/trainable-linear-cross-entropy.js';
import { forEachBackend } from '../../support/backends.js';

/** Kernels of these tests' own, added to the table as a plugin adds its own. */
declare module '../../../core/index.js' {
  interface Kernels {
    Probe: { inputs: { x: tf.Tensor }; attrs: { weight?: FrozenWeight } };
    ProbeOfNoDevice: { inputs: { x: tf.Tensor } };
    ProbeOfBytes: { attrs: { source: Uint8Array; target: Uint8Array }; result: number };
  }
}

/** What a fake kernel was called with. */
interface Call {
  readonly inputs: string[];
  readonly attrs: Record<string, unknown>;
}

/** A kernel that answers with ones of its first input's shape, or of [2, 2]. */
function registerFake(kernelName: string, backendName: string): Call[] {
  const calls: Call[] = [];
  tf.registerKernel({
    kernelName,
    backendName,
    kernelFunc: ({ inputs, attrs }) => {
      calls.push({ inputs: Object.keys(inputs), attrs: attrs as Record<string, unknown> });
      return tf.ones(Object.values(inputs)[0]?.shape ?? [2, 2]);
    },
  });
  return calls;
}

const ones2 = (rows: number, columns: number) => tf.ones<tf.Rank.R2>([rows, columns]);
const ones3 = () => tf.ones<tf.Rank.R3>([2, 2, 2]);
const WEIGHT = new DenseWeight([3, 2], 'bf16', new Uint8Array(12));
const WIDTHS = [1, 2];
const LABELS = Int32Array.of(0, 1);
const ATTENTION = { scale: 2, offsets: Int32Array.of(0, 1, 2), prefixes: Int32Array.of(1, 0) };

/** `AdamW` and `CachedAttention` have tests of their own. */
type OpKernelName = Exclude<TensorKernelName, 'AdamW' | 'CachedAttention' | `Probe${string}`>;

/** Kernel -> what a device's kernel is given for a call of the op: the contract with device plugins. */
const OPS: {
  [N in OpKernelName]: {
    call(): tf.Tensor | tf.Tensor[];
    inputs: (keyof KernelTensors<N>)[];
    attrs: KernelAttrs<N>;
  };
} = {
  AddBias: {
    call: () => addBias(ones2(4, 2), tf.ones<tf.Rank.R1>([2])),
    inputs: ['x', 'bias'],
    attrs: {},
  },
  Attention: {
    call: () => attention(ones3(), ones3(), ones3(), ATTENTION),
    inputs: ['q', 'k', 'v'],
    attrs: ATTENTION,
  },
  CrossEntropy: {
    call: () => crossEntropy(ones2(2, 3), LABELS),
    inputs: ['logits'],
    attrs: { labels: LABELS },
  },
  Embedding: {
    call: () => embedding(LABELS, WEIGHT),
    inputs: [],
    attrs: { ids: LABELS, weight: WEIGHT },
  },
  FrozenLinear: {
    call: () => linear(ones2(4, 2), WEIGHT),
    inputs: ['x'],
    attrs: { weight: WEIGHT, bias: null },
  },
  Gelu: { call: () => gelu(ones2(4, 2)), inputs: ['x'], attrs: {} },
  GlobalNorm: { call: () => globalNorm([ones2(1, 2), ones2(2, 2)]), inputs: ['x0', 'x1'], attrs: {} },
  LayerNorm: {
    call: () => layerNorm(ones2(4, 2), tf.ones<tf.Rank.R1>([2]), tf.ones<tf.Rank.R1>([2]), 0.5),
    inputs: ['x', 'weight', 'bias'],
    attrs: { epsilon: 0.5 },
  },
  LinearCrossEntropy: {
    call: () => linearCrossEntropy(ones2(2, 2), WEIGHT, null, LABELS, true),
    inputs: ['x'],
    attrs: { weight: WEIGHT, bias: null, labels: LABELS, training: true },
  },
  LogProbabilities: {
    call: () => logProbabilities(ones2(2, 3), LABELS),
    inputs: ['logits'],
    attrs: { labels: LABELS },
  },
  LoraLinear: {
    call: () =>
      loraLinear(ones2(4, 2), WEIGHT, null, {
        a: ones2(1, 2),
        b: ones2(3, 1),
        scaling: 4,
        dropout: 0.5,
        seed: 6,
      }),
    inputs: ['x', 'a', 'b'],
    attrs: { weight: WEIGHT, bias: null, scaling: 4, dropout: 0.5, seed: 6 },
  },
  RmsNorm: {
    call: () => rmsNorm(ones2(4, 2), tf.ones<tf.Rank.R1>([2]), 0.5),
    inputs: ['x', 'weight'],
    attrs: { epsilon: 0.5 },
  },
  Rotary: {
    call: () => rotary(tf.ones<tf.Rank.R3>([2, 1, 4]), { cos: ones2(2, 2), sin: ones2(2, 2) }),
    inputs: ['x', 'cos', 'sin'],
    attrs: { parts: 1 },
  },
  SeededDropout: {
    call: () => dropout(ones2(4, 2), 0.5, 8),
    inputs: ['x'],
    attrs: { rate: 0.5, seed: 8 },
  },
  SelectRows: {
    call: () => selectRows(ones2(4, 2), LABELS),
    inputs: ['x'],
    attrs: { indices: LABELS },
  },
  SplitColumns: {
    call: () => splitColumns(ones2(4, 3), WIDTHS),
    inputs: ['x'],
    attrs: { widths: WIDTHS },
  },
  SwiGlu: { call: () => swiglu(ones2(4, 2), ones2(4, 2)), inputs: ['gate', 'up'], attrs: {} },
  TrainableLinearCrossEntropy: {
    call: () => trainableLinearCrossEntropy(ones2(2, 2), ones2(3, 2), LABELS, true),
    inputs: ['x', 'weight'],
    attrs: { labels: LABELS, training: true },
  },
};

describe('dispatch', () => {
  forEachBackend((backend) => {
    const undo: (() => void)[] = [];
    const fake = (kernelName: string, on: string = backend) => {
      undo.push(() => tf.unregisterKernel(kernelName, on));
      return registerFake(kernelName, on);
    };
    afterEach(() => {
      for (const step of undo.splice(0)) step();
    });

    it('composes where the active backend has no kernel of the name', () => {
      const calls = fake('Probe', backend === 'cpu' ? 'wasm' : 'cpu');
      tf.tidy(() => {
        const y = dispatch('Probe', { x: tf.tensor([3]) }, {}, () => tf.tensor([7]));
        expect(y.dataSync()[0]).to.equal(7);
      });
      expect(calls).to.deep.equal([]);
    });

    it('goes forward through the kernel and backward through its gradient', () => {
      const calls = fake('Probe');
      const gradientAttrs: unknown[] = [];
      tf.registerGradient({
        kernelName: 'Probe',
        inputsToSave: ['x'],
        gradFunc: (dy, saved, attrs) => {
          gradientAttrs.push(attrs);
          return { x: () => tf.mul(tf.mul(dy as tf.Tensor, saved[0]), 10) };
        },
      });
      undo.push(() => tf.unregisterGradient('Probe'));
      const attrs = { weight: WEIGHT };
      const never = (): tf.Tensor => {
        throw new Error('the composed form ran');
      };
      tf.tidy(() => {
        const f = (x: tf.Tensor) => dispatch('Probe', { x }, attrs, never);
        const { value, grad } = tf.valueAndGrad(f)(tf.tensor([3, 5]), tf.tensor([1, 2]));
        expect([...value.dataSync()]).to.deep.equal([1, 1]);
        expect([...grad.dataSync()]).to.deep.equal([30, 100]);
      });
      expect(calls).to.have.length(1);
      expect(calls[0].attrs.weight, 'the weight itself, not a copy').to.equal(WEIGHT);
      expect(gradientAttrs).to.deep.equal([attrs]);
    });

    it('takes the first output of several; dispatchAll all of them', () => {
      tf.registerKernel({
        kernelName: 'Probe',
        backendName: backend,
        kernelFunc: ({ inputs }) => [tf.scalar(1), tf.onesLike(inputs.x as tf.Tensor)],
      });
      undo.push(() => tf.unregisterKernel('Probe', backend));
      tf.tidy(() => {
        const inputs = { x: tf.zeros([3]) };
        expect(dispatch('Probe', inputs, {}, () => tf.zeros([1])).shape).to.deep.equal([]);
        const shapes = dispatchAll('Probe', inputs, {}, () => []).map((output) => output.shape);
        expect(shapes).to.deep.equal([[], [3]]);
        const composed = dispatchAll('ProbeOfNoDevice', inputs, {}, () => [tf.zeros([1]), tf.zeros([2])]);
        expect(composed).to.have.length(2);
      });
    });

    it('performs work on bytes where the active backend has a kernel for it', () => {
      const work = { source: Uint8Array.of(3, 4), target: new Uint8Array(2) };
      expect(perform('ProbeOfBytes', work)).to.equal(undefined);
      tf.registerKernel({
        kernelName: 'ProbeOfBytes',
        backendName: backend,
        kernelFunc: ({ attrs }) => {
          const { source, target } = attrs as unknown as typeof work;
          target.set(source);
          return source.length as unknown as tf.TensorInfo;
        },
      });
      undo.push(() => tf.unregisterKernel('ProbeOfBytes', backend));
      expect(perform('ProbeOfBytes', work)).to.equal(2);
      expect([...work.target]).to.deep.equal([3, 4]);
    });

    it('lets a device compute AdamW: all parameters in one call', () => {
      const calls: Call[] = [];
      tf.registerKernel({
        kernelName: 'AdamW',
        backendName: backend,
        kernelFunc: ({ inputs, attrs }) => {
          calls.push({ inputs: Object.keys(inputs), attrs: attrs as Record<string, unknown> });
          return Array.from({ length: 6 }, (_, i) => tf.scalar(i));
        },
      });
      undo.push(() => tf.unregisterKernel('AdamW', backend));
      const options = {
        learningRate: 1,
        beta1: 2,
        beta2: 3,
        epsilon: 4,
        weightDecay: 5,
        step: 6,
        gradientScale: 7,
      };
      tf.tidy(() => {
        const two = [tf.ones([2]), tf.ones([3])];
        const states = two.map((tensor) => ({ mean: tensor, square: tensor }));
        const made = adamw(two, two, states, options);
        const numbers = [...made.values, ...made.states.flatMap(({ mean, square }) => [mean, square])];
        expect(numbers.map((tensor) => tensor.dataSync()[0])).to.deep.equal([0, 3, 1, 2, 4, 5]);
      });
      expect(calls).to.deep.equal([
        { inputs: ['p0', 'p1', 'g0', 'g1', 'm0', 'm1', 'v0', 'v1'], attrs: options },
      ]);
    });

    for (const [name, { call, inputs, attrs }] of Object.entries(OPS)) {
      it(`lets a device compute ${name}`, () => {
        const calls = fake(name);
        tf.tidy(() => void call());
        expect(calls).to.have.length(1);
        expect(calls[0].inputs).to.have.members(inputs);
        expect(calls[0].attrs).to.deep.equal(attrs);
        for (const [key, value] of Object.entries(attrs as object))
          expect(calls[0].attrs[key]).to.equal(value);
      });
    }
  });
});
