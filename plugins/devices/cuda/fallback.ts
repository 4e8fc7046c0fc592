/**
 * What the card has no kernel for: TensorFlow.js's plain kernels, with a copy of the inputs to this process. They are counted,
 * so that a person sees what a run spends its time on.
 */

import cpu = require('@tensorflow/tfjs-backend-cpu');

import { type DeviceUsage, type FallbackCount, tf } from '../../../core/index.js';
import type { CudaBackend } from './backend.js';

export class Fallbacks {
  readonly #plain = new cpu.MathBackendCPU();
  readonly #counts = new Map<string, FallbackCount>();

  /** Registers every plain kernel for the backend `name`. */
  constructor(
    name: string,
    private readonly backend: CudaBackend,
  ) {
    // Otherwise TensorFlow.js advertises another backend when this one is first used.
    tf.enableProdMode();
    for (const { kernelName, kernelFunc } of tf.getKernelsForBackend('cpu')) {
      const call: tf.KernelFunc = (params) => this.#call(kernelName, kernelFunc, params);
      tf.registerKernel({ kernelName, backendName: name, kernelFunc: call });
    }
  }

  /** How often a plain kernel took what was on the card, and how many bytes that fetched. */
  counts(): DeviceUsage['fallbacks'] {
    return Object.fromEntries(this.#counts);
  }

  clear(): void {
    this.#counts.clear();
  }

  #call(name: string, kernel: tf.KernelFunc, { inputs, attrs }: Parameters<tf.KernelFunc>[0]) {
    let fetched = 0;
    const toPlain = (info: tf.TensorInfo): tf.TensorInfo => {
      const isFetched = this.backend.isOnCard(info.dataId);
      const values = this.backend.readSync(info.dataId);
      if (isFetched) fetched += (values as Float32Array).byteLength;
      const dataId = this.#plain.write(values, info.shape, info.dtype);
      return { dataId, shape: info.shape, dtype: info.dtype };
    };
    // Some kernels take a list, which TensorFlow.js passes in the place of names.
    const moved: Record<string, tf.TensorInfo> | tf.TensorInfo[] = Array.isArray(inputs)
      ? inputs.map(toPlain)
      : Object.fromEntries(
          Object.entries(inputs).flatMap(([key, input]) => (input ? [[key, toPlain(input)]] : [])),
        );
    if (fetched > 0) this.#count(name, fetched);
    const result = kernel({ inputs: moved as tf.NamedTensorInfoMap, backend: this.#plain, attrs });
    const results = ([] as tf.TensorInfo[]).concat(result);
    const outputs = results.map(({ dataId, shape, dtype }) =>
      this.backend.keep(this.#plain.readSync(dataId), shape, dtype),
    );
    for (const { dataId } of [...Object.values(moved), ...results]) this.#plain.disposeData(dataId, true);
    return Array.isArray(result) ? outputs : outputs[0];
  }

  #count(name: string, fetched: number): void {
    const { calls, bytes } = this.#counts.get(name) ?? { calls: 0, bytes: 0 };
    this.#counts.set(name, { calls: calls + 1, bytes: bytes + fetched });
  }
}
