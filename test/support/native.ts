/**
 * The native device in tests. Whatever its kernels yield is held to what the composed form yields on the cpu backend,
 * with every instruction set that this CPU has, and on one, two and three threads, which must agree bit by bit.
 */

import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { type Addon, loadAddon } from '../../plugins/devices/native/addon.js';
import native from '../../plugins/devices/native/index.js';
import { askDevice } from './devices.js';
import { randomTensor, relativeError } from './numbers.js';
import { skip } from './skip.js';

const loaded = loadAddon();
/** The threads of each run of a kernel; all must agree. A sanitizer sees in one run what there is to see. */
const RUNS = process.env.EVOLVE_SANITIZE ? [3] : [1, 2, 3];

/** The addon itself, in tests within `describeNative`. */
export const addon = loaded as Addon;

/** Tests that need the native device; skipped, with a line that says why, where its addon is not built. */
export function describeNative(title: string, tests: () => void): void {
  describe(title, () => {
    before(async function () {
      if ('reason' in loaded) {
        skip(this, loaded.reason);
      }
      await askDevice(native, {}, 'native');
    });
    tests();
  });
}

/** Calls `use` with each instruction set of this CPU open, on the native backend. */
export async function onEachIsa(use: (isa: string) => unknown, threads = 1): Promise<void> {
  await tf.setBackend('native');
  for (const isa of addon.isas()) {
    addon.open(isa, threads);
    await use(isa);
  }
}

export type Results = Readonly<Record<string, tf.Tensor>>;
export type Numbers = Readonly<Record<string, Float32Array>>;

/** The numbers of what `compute` yields on the backend that is active. */
export function numbersOf(compute: () => Results): Numbers {
  const numbers: Record<string, Float32Array> = {};
  // Not as tidy's result, in which it would look for tensors number by number.
  tf.tidy(() => {
    for (const [name, tensor] of Object.entries(compute()))
      numbers[name] = tensor.dataSync().slice() as Float32Array;
  });
  return numbers;
}

/** What `compute` yields on the reference. */
export async function onReference(compute: () => Results): Promise<Numbers> {
  await tf.setBackend('cpu');
  return numbersOf(compute);
}

/** What `compute` yields on each instruction set; it must be the same for every number of threads. */
async function onNative(
  compute: () => Results,
  check: (actual: Numbers, isa: string) => void,
): Promise<void> {
  await onEachIsa((isa) => {
    const [first, ...others] = RUNS.map((threads) => {
      addon.open(isa, threads);
      return numbersOf(compute);
    });
    for (const other of others) {
      for (const [name, values] of Object.entries(first)) {
        const isSame = Buffer.from(values.buffer).equals(Buffer.from(other[name].buffer));
        expect(isSame, `${name} on ${isa} is the same on each number of threads`).to.equal(true);
      }
    }
    check(first, isa);
  });
}

/**
 * Holds what `compute` yields on the native device to `reference` on the cpu backend, by default the same. Errors are
 * relative to the largest magnitude of a result; `tolerance` is one for all results, or by their names.
 */
export async function expectReference(
  tolerance: number | Readonly<Record<string, number>>,
  compute: () => Results,
  reference = compute,
): Promise<void> {
  const expected = await onReference(reference);
  await onNative(compute, (actual, isa) => {
    expect(Object.keys(actual)).to.deep.equal(Object.keys(expected));
    for (const [name, values] of Object.entries(expected)) {
      const most = typeof tolerance === 'number' ? tolerance : tolerance[name];
      expect(relativeError(actual[name], values), `${name} on ${isa}`).to.be.at.most(most);
    }
  });
}

/** `y = f(inputs)` and the gradients of its sum, weighted at random, by the inputs: `d` and the input's name. */
export function withGradients<T extends Readonly<Record<string, tf.Tensor>>>(
  inputs: T,
  f: (inputs: T) => tf.Tensor,
  dy = (y: tf.Tensor): tf.Tensor => randomTensor(y.shape as [number], 99),
): Results {
  const names = Object.keys(inputs);
  const call = (...tensors: tf.Tensor[]) =>
    f(Object.fromEntries(names.map((name, i) => [name, tensors[i]])) as T);
  const y = f(inputs);
  const grads = tf.grads(call)(Object.values(inputs), dy(y));
  return { y, ...Object.fromEntries(names.map((name, i) => [`d${name}`, grads[i]])) };
}

const NOT_FINITE = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

/** `x` with its element `at` (from the end where negative) replaced. */
function withElement<R extends tf.Rank>(x: tf.Tensor<R>, at: number, value: number): tf.Tensor<R> {
  const values = x.dataSync().slice();
  values[at < 0 ? values.length + at : at] = value;
  return tf.tensor(values, x.shape);
}

/**
 * What is not finite must not become a number: with each such value as an element of each input in turn, the results
 * of `compute` must not be finite wherever the reference's are not. `elements` says which of an input, by default its
 * first and its last.
 */
export async function expectNotFinite<T extends Readonly<Record<string, tf.Tensor>>>(
  makeInputs: () => T,
  compute: (inputs: T) => Results,
  elements: Readonly<Partial<Record<string, readonly number[]>>> = {},
): Promise<void> {
  const names = tf.tidy(() => Object.keys(makeInputs()));
  for (const name of names) {
    for (const value of NOT_FINITE) {
      for (const at of elements[name] ?? [0, -1]) {
        const faulty = () => {
          const inputs = makeInputs();
          return compute({ ...inputs, [name]: withElement(inputs[name], at, value) });
        };
        const expected = await onReference(faulty);
        const hasSome = Object.values(expected).some((values) => values.some((x) => !Number.isFinite(x)));
        expect(hasSome, `the reference shows ${value} in ${name}[${at}]`).to.equal(true);
        await onEachIsa((isa) => {
          const actual = numbersOf(faulty);
          for (const [result, values] of Object.entries(expected)) {
            const lost = values.findIndex(
              (x, i) => !Number.isFinite(x) && Number.isFinite(actual[result][i]),
            );
            expect(lost, `where ${value} in ${name}[${at}] became a number, in ${result} on ${isa}`).to.equal(
              -1,
            );
          }
        });
      }
    }
  }
}
