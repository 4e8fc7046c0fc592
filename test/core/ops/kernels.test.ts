import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { KernelName } from '../../../core/index.js';
import { dispatch, perform } from '../../../core/ops/dispatch.js';
import { ROOT } from '../../support/files.js';

/** The names of the table: the compiler says where one is missing or too many. Tests add names with `Probe`. */
const NAMES = {
  AdamW: true,
  AddBias: true,
  Attention: true,
  CachedAttention: true,
  CrossEntropy: true,
  DecodeBlocks: true,
  Embedding: true,
  FrozenLinear: true,
  Gelu: true,
  GlobalNorm: true,
  LayerNorm: true,
  LinearCrossEntropy: true,
  LogProbabilities: true,
  LoraLinear: true,
  MapFile: true,
  QuantizeDynamic: true,
  QuantizeInt8: true,
  QuantizeNf4: true,
  ReleasePages: true,
  RmsNorm: true,
  Rotary: true,
  SeededDropout: true,
  SelectRows: true,
  SplitColumns: true,
  SwiGlu: true,
  TrainableLinearCrossEntropy: true,
} satisfies Record<Exclude<KernelName, `Probe${string}`>, true>;

describe('the table of kernels', () => {
  it('has the names that plugins/README.md tells authors of devices', () => {
    const readme = readFileSync(path.join(ROOT, 'plugins', 'README.md'), 'utf8');
    const told = readme.split(/\n(?=- )/).find((rule) => rule.includes('registered a kernel under an op'));
    const names = [...(told ?? '').matchAll(/`([A-Z]\w+)`/g)].map(([, name]) => name);
    expect(names.sort()).to.deep.equal(Object.keys(NAMES));
  });

  it('binds what is compiled, while JavaScript may call anything, which composes', () => {
    const x = tf.zeros<tf.Rank.R3>([1, 1, 2]);
    const cos = tf.zeros<tf.Rank.R2>([1, 1]);
    const composed = () => x;
    // Each is an error to the compiler, which does not build this file where one is none.
    const calls = [
      // @ts-expect-error: no kernel of the name
      () => dispatch('Rotry', { x, cos, sin: cos }, { parts: 1 }, composed),
      // @ts-expect-error: an input is missing
      () => dispatch('Rotary', { x, cos }, { parts: 1 }, composed),
      // @ts-expect-error: the tensor has another rank
      () => dispatch('Rotary', { x: cos, cos, sin: cos }, { parts: 1 }, composed),
      // @ts-expect-error: the attribute has another type
      () => dispatch('Rotary', { x, cos, sin: cos }, { parts: '1' }, composed),
      // @ts-expect-error: the kernel has no attributes
      () => dispatch('Gelu', { x }, { parts: 1 }, composed),
      // @ts-expect-error: the kernel does not work on tensors
      () => dispatch('MapFile', {}, { file: '', start: 0, length: 1 }, composed),
    ];
    for (const call of calls) expect(call()).to.equal(x);
    const performed = [
      // @ts-expect-error: the kernel works on tensors
      () => perform('Gelu', {}),
      // @ts-expect-error: the kernel answers something else
      (): number | undefined => perform('MapFile', { file: '', start: 0, length: 1 }),
    ];
    for (const call of performed) expect(call()).to.equal(undefined);
    x.dispose();
    cos.dispose();
  });
});
