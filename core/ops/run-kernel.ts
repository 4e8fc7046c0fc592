import { tf } from '../base/tf.js';

/**
 * Runs a registered kernel, recorded on the tape where TensorFlow.js records: what `tf.engine().runKernel` does. That keeps a
 * tensor for the gradient by running the kernel `Identity`, recorded too. Here it is one more reference to the same data: for
 * small tensors the difference is several times what the kernel takes.
 */
export function runKernel(
  kernel: tf.KernelConfig,
  inputs: tf.NamedTensorMap,
  attrs: tf.NamedAttrMap,
): tf.Tensor[] {
  const engine = tf.engine();
  const { state, backend } = engine;
  // Who measures wants the engine's own account.
  if (state.profiling)
    return [engine.runKernel(kernel.kernelName, inputs, attrs) as tf.Tensor | tf.Tensor[]].flat();
  const isRecording = state.gradientDepth > 0 && state.kernelDepth === 0;
  state.kernelDepth++;
  try {
    const infos = kernel.kernelFunc({ inputs, attrs, backend });
    const outputs = (Array.isArray(infos) ? infos : [infos]).map(asTensor);
    if (isRecording) record(kernel.kernelName, inputs, attrs, outputs);
    return outputs;
  } finally {
    state.kernelDepth--;
  }
}

function asTensor(info: tf.TensorInfo): tf.Tensor {
  return info instanceof tf.Tensor ? info : tf.engine().makeTensorFromTensorInfo(info);
}

function record(
  kernelName: string,
  inputs: tf.NamedTensorMap,
  attrs: tf.NamedAttrMap,
  outputs: tf.Tensor[],
): void {
  const { state } = tf.engine();
  const config: tf.GradConfig | undefined = tf.getGradient(kernelName);
  const { inputsToSave = [], outputsToSave = [], saveAllInputs } = config ?? {};
  const kept = saveAllInputs ? Object.values(inputs) : inputsToSave.map((name) => inputs[name]);
  const saved = [...kept, ...outputs.filter((_, i) => outputsToSave[i])].map(reference);
  const gradient = (dys: (tf.Tensor | null)[]) => {
    // An output that leads nowhere has no gradient, and may be gone; kernels are told so by zeros.
    const all = dys.map((dy, i) => dy ?? tf.zeros(outputs[i].shape, outputs[i].dtype));
    return config?.gradFunc(all.length > 1 ? all : all[0], saved, attrs) ?? {};
  };
  state.activeTape.push({
    id: state.nextTapeNodeId++,
    kernelName,
    inputs,
    outputs,
    saved,
    ...(config && { gradient }),
  });
}

/** Another tensor of the same data, which lives until it is disposed. */
function reference({ dataId, shape, dtype }: tf.Tensor): tf.Tensor {
  const engine = tf.engine();
  engine.backend.incRef(dataId);
  return tf.keep(engine.makeTensorFromTensorInfo({ dataId, shape, dtype }));
}
