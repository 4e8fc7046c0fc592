/**
 * What the card has no kernel for: TensorFlow.js's plain kernels, with a copy of the inputs to this process. They are counted,
 * so that a person sees what a run spends its time on.
 */

import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import { tf } from '../../../core/index.js';
import type { CudaBackend } from './backend.js';

/** How often a kernel ran in this process, and how many bytes that moved. */
export interface FallbackCount {
  calls: number;
  bytes: number;
}

/** Registers every plain kernel for the backend `name`. @returns the counts, by kernel */
export function registerFallbacks(name: string, backend: CudaBackend): Map<string, FallbackCount> {
  const plain = new MathBackendCPU();
  const counts = new Map<string, FallbackCount>();
  for (const { kernelName, kernelFunc } of tf.getKernelsForBackend('cpu')) {
    tf.registerKernel({
      kernelName,
      backendName: name,
      kernelFunc: ({ inputs, attrs }) => {
        const count = counts.get(kernelName) ?? { calls: 0, bytes: 0 };
        counts.set(kernelName, count);
        count.calls++;
        const toPlain = (info: tf.TensorInfo): tf.TensorInfo => {
          const values = backend.readSync(info.dataId);
          count.bytes += (values as Float32Array).byteLength ?? 0;
          const dataId = plain.write(values as Float32Array, info.shape, info.dtype);
          return { dataId, shape: info.shape, dtype: info.dtype };
        };
        // Some kernels take a list, which TensorFlow.js passes in the place of names.
        const moved: Record<string, tf.TensorInfo> | tf.TensorInfo[] = Array.isArray(inputs)
          ? inputs.map(toPlain)
          : Object.fromEntries(
              Object.entries(inputs as tf.NamedTensorInfoMap).flatMap(([key, input]) =>
                input ? [[key, toPlain(input)]] : [],
              ),
            );
        const given = Object.values(moved);
        const result = kernelFunc({ inputs: moved as tf.NamedTensorInfoMap, backend: plain, attrs });
        const results = ([] as tf.TensorInfo[]).concat(result);
        const outputs = results.map(({ dataId, shape, dtype }) =>
          backend.keep(plain.readSync(dataId) as tf.backend_util.BackendValues, shape, dtype),
        );
        for (const { dataId } of [...given, ...results]) plain.disposeData(dataId, true);
        return Array.isArray(result) ? outputs : outputs[0];
      },
    });
  }
  return counts;
}
