import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { DenseWeight } from '../../../core/frozen-weight.js';
import { attention } from '../../../core/ops/attention.js';
import { crossEntropy } from '../../../core/ops/cross-entropy.js';
import { dispatch } from '../../../core/ops/dispatch.js';
import { dropout } from '../../../core/ops/dropout.js';
import { linear } from '../../../core/ops/linear.js';
import { loraLinear } from '../../../core/ops/lora-linear.js';
import { rmsNorm } from '../../../core/ops/rms-norm.js';
import { rotary } from '../../../core/ops/rotary.js';
import { swiglu } from '../../../core/ops/swiglu.js';
import { forEachBackend } from '../../support/backends.js';

/** What a fake kernel was called with. */
interface Call {
  readonly inputs: string[];
  readonly attrs: Record<string, unknown>;
}

/** A kernel that answers with ones of its first input's shape. */
function registerFake(kernelName: string, backendName: string): Call[] {
  const calls: Call[] = [];
  tf.registerKernel({
    kernelName,
    backendName,
    kernelFunc: ({ inputs, attrs }) => {
      calls.push({ inputs: Object.keys(inputs), attrs: attrs as Record<string, unknown> });
      return tf.onesLike(Object.values(inputs)[0] as tf.Tensor);
    },
  });
  return calls;
}

const ones2 = (rows: number, columns: number) => tf.ones<tf.Rank.R2>([rows, columns]);
const ones3 = () => tf.ones<tf.Rank.R3>([2, 2, 2]);
const WEIGHT = new DenseWeight([3, 2], 'bf16', new Uint8Array(12));
const LABELS = Int32Array.of(0, 1);
const ATTENTION = { scale: 2, offsets: Int32Array.of(0, 1, 2), prefixes: Int32Array.of(1, 0) };

/** Kernel -> what a device's kernel is given for a call of the op: the contract with device plugins. */
const OPS: Record<string, { call(): tf.Tensor; inputs: string[]; attrs: Record<string, unknown> }> = {
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
  FrozenLinear: {
    call: () => linear(ones2(4, 2), WEIGHT),
    inputs: ['x'],
    attrs: { weight: WEIGHT, bias: null },
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
    attrs: {},
  },
  SeededDropout: {
    call: () => dropout(ones2(4, 2), 0.5, 8),
    inputs: ['x'],
    attrs: { rate: 0.5, seed: 8 },
  },
  SwiGlu: { call: () => swiglu(ones2(4, 2), ones2(4, 2)), inputs: ['gate', 'up'], attrs: {} },
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

    for (const [name, { call, inputs, attrs }] of Object.entries(OPS)) {
      it(`lets a device compute ${name}`, () => {
        const calls = fake(name);
        tf.tidy(() => void call());
        expect(calls).to.have.length(1);
        expect(calls[0].inputs).to.have.members(inputs);
        expect(calls[0].attrs).to.deep.equal(attrs);
        for (const [key, value] of Object.entries(attrs)) expect(calls[0].attrs[key]).to.equal(value);
      });
    }
  });
});
