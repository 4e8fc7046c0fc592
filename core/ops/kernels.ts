/**
 * The kernels that a device may have: their names, and what each gets. The file of an op declares its own kernel, beside the
 * op, in a `declare module './kernels.js'`: TypeScript merges interfaces of the same name. So the compiler holds the op that
 * calls a kernel, and the device that has it, to the same names and types.
 */

import type { tf } from '../base/tf.js';
import type { FrozenWeight } from './frozen-weight.js';

/**
 * What each kernel gets: `inputs`, tensors by name; `attrs`, all else by name, which takes no gradient. A kernel that works on
 * bytes and not on tensors has no inputs, and declares in `result` what it returns. Here stand those that plugins ask for with
 * `perform`; the others stand beside their ops. A plugin may add kernels of its own, under names that begin with the plugin's
 * name, and pass them to `dispatch` and `perform`. In JavaScript it needs no declaration.
 *
 *     declare module 'evolving-alpaca' {
 *       interface Kernels {
 *         AcmeSoftcap: { inputs: { x: tf.Tensor2D }; attrs: { cap: number } };
 *       }
 *     }
 *     const y = dispatch('AcmeSoftcap', { x }, { cap: 30 }, () => tf.mul(tf.tanh(tf.div(x, 30)), 30));
 */
export interface Kernels {
  /** A weight -> `values` `[rows, columns]` and `scales` `[rows]`. False if a number is not finite. */
  QuantizeInt8: {
    attrs: { weight: FrozenWeight; values: Int8Array; scales: Float32Array };
    result: boolean;
  };
  /**
   * A weight in blocks of 64 numbers -> `codes`, two a byte, and the blocks' `absmax`. A code says how many of the `middles`
   * lie below the number. False if a number is not finite, or the kernel does not know the weight's storage.
   */
  QuantizeNf4: {
    attrs: { weight: FrozenWeight; middles: Float32Array; codes: Uint8Array; absmax: Float32Array };
    result: boolean;
  };
  /** The same as `QuantizeNf4` for `values` in blocks of 256, one code a byte. They are scaled in place. True when done. */
  QuantizeDynamic: {
    attrs: { values: Float32Array; middles: Float32Array; codes: Uint8Array; absmax: Float32Array };
    result: boolean;
  };
  /**
   * GGUF's blocks of `type` -> f16, `[rows, columns]`. Row i of `target` is row `order[i]` of `source`, or row i if there is no
   * order. False if a number is too large for an f16, or is not a number.
   */
  DecodeBlocks: {
    attrs: {
      type: number;
      source: Uint8Array;
      order: Int32Array | null;
      rows: number;
      columns: number;
      target: Uint8Array;
    };
    result: boolean;
  };
}

export type KernelName = keyof Kernels;
/** Those that `perform` asks for. */
export type ByteKernelName = {
  [N in KernelName]: Kernels[N] extends { result: unknown } ? N : never;
}[KernelName];
/** Those that `dispatch` asks for. */
export type TensorKernelName = Exclude<KernelName, ByteKernelName>;

type None = Readonly<Record<string, never>>;

/** The inputs that an op passes. The kernel's gradient can save them. */
export type KernelTensors<N extends KernelName> = Kernels[N] extends { inputs: infer I } ? Readonly<I> : None;

/** The inputs that a device's kernel gets: the shape of each tensor, and where its data is. */
export type KernelInputs<N extends KernelName> = {
  readonly [K in keyof KernelTensors<N>]: InfoOf<KernelTensors<N>[K]>;
};
type InfoOf<T> = T extends tf.Tensor ? Pick<T, 'dataId' | 'shape' | 'dtype'> : never;

export type KernelAttrs<N extends KernelName> = Kernels[N] extends { attrs: infer A } ? Readonly<A> : None;

/** What a device's kernel returns. The first of several tensors is that of the op; its gradient can save the others. */
export type KernelResult<N extends KernelName> = Kernels[N] extends { result: infer R }
  ? R
  : tf.TensorInfo | tf.TensorInfo[];
