/**
 * TensorFlow's own runtime. Frozen weights lie in its memory as they are stored, and the core's ops run as TensorFlow's
 * operations: nothing is read back in a step but the loss.
 */

import { definePlugin } from '../../../core/index.js';
import { DEVICE_STAGES } from '../kit/stages.js';
import { openedBackend, sources } from './runtime.js';

const ADVICE = '`evolve device install tensorflow` builds it on a TensorFlow of Python';

export default definePlugin({
  name: 'tensorflow',
  apiVersion: 2,
  family: 'devices',
  install: async (request) => (await import('./install.js')).installTensorflow(request),
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
          const { placeWeights, registered } = await import('./open.js');
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
