/**
 * TensorFlow's own runtime. Frozen weights lie in its memory as they are stored, and the core's ops run as TensorFlow's
 * operations: nothing is read back in a step but the loss.
 */

import { definePlugin, type LanguageModel } from '../../../core/index.js';
import { DEVICE_STAGES } from '../kit/stages.js';
import { installTensorflow } from './install.js';
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
import { openedBackend, sources } from './runtime.js';
import { TensorflowWeight, Weights } from './weights.js';

const ADVICE = '`evolve device install tensorflow` builds it on a TensorFlow of Python';

export default definePlugin({
  name: 'tensorflow',
  apiVersion: 2,
  family: 'devices',
  install: installTensorflow,
  apply(trainer) {
    // Asked for by name and then again for any device, it declines in the same words, which are told once.
    let advice = '';
    trainer.hooks.openDevice.tap(
      async (request) => {
        if (!request.wants('tensorflow')) return undefined;
        const reasons: string[] = [];
        // On a CPU the native device is faster.
        const needsGpu = request.name === 'auto';
        for (const { name, mayHaveGpu, load } of sources()) {
          const fault = needsGpu && !mayHaveGpu ? 'sees no GPU' : await load();
          const onGpu = !fault && openedBackend().isUsingGpuDevice;
          if (fault || (needsGpu && !onGpu)) {
            reasons.push(`${name} ${fault ?? 'sees no GPU'}`);
            continue;
          }
          const tensorflow = registered();
          const what = onGpu ? 'on the GPU' : 'on the CPU';
          return {
            name: 'tensorflow',
            backend: 'tensorflow',
            description: `TensorFlow ${what} (${name})`,
            placeWeights: (model) => placeWeights(tensorflow, model),
          };
        }
        if (!needsGpu) advice = `, but ${ADVICE}`;
        request.decline('tensorflow', `${reasons.join(', ')}${advice}`);
        return undefined;
      },
      { stage: DEVICE_STAGES.tensorflow },
    );
  },
});

/** The kernels are made known once a process. */
let opened: Tensorflow | undefined;

function registered(): Tensorflow {
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

function placeWeights({ ops }: Tensorflow, model: LanguageModel): () => void {
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
