/** The device's kernels, and the frozen weights in TensorFlow's memory. */

import type { LanguageModel } from '../../../core/index.js';
import { registerAttention } from './kernels/attention.js';
import { registerDropout } from './kernels/dropout.js';
import { registerGates } from './kernels/gates.js';
import type { Tensorflow } from './kernels/kit.js';
import { registerLinear } from './kernels/linear.js';
import { registerLoss } from './kernels/loss.js';
import { registerNorms } from './kernels/norms.js';
import { registerOptimizer } from './kernels/optimizer.js';
import { registerRows } from './kernels/rows.js';
import { Ops } from './ops.js';
import { openedBackend } from './runtime.js';
import { TensorflowWeight, Weights } from './weights.js';

/** The kernels are made known once a process. */
let opened: Tensorflow | undefined;

export function registered(): Tensorflow {
  if (opened) return opened;
  const ops = new Ops(openedBackend());
  // On a CPU what fits the caches is faster, and what is larger than 32 MiB the allocator gives back each time.
  const tensorflow = { ops, weights: new Weights(ops), pieceBytes: (ops.onGpu ? 256 : 24) * 2 ** 20 };
  for (const register of [
    registerLinear,
    registerAttention,
    registerLoss,
    registerNorms,
    registerGates,
    registerDropout,
    registerRows,
    registerOptimizer,
  ]) {
    register(tensorflow);
  }
  opened = tensorflow;
  return tensorflow;
}

export function placeWeights({ ops }: Tensorflow, model: LanguageModel): () => void {
  const placed = new Map<unknown, TensorflowWeight>();
  for (const site of [...model.embeddings, ...model.linears]) {
    const weight = placed.get(site.weight) ?? new TensorflowWeight(ops, site.weight);
    placed.set(site.weight, weight);
    site.weight = weight;
  }
  return () => {
    for (const weight of placed.values()) weight.free();
  };
}
