/**
 * TensorFlow's own runtime through @tensorflow/tfjs-node-gpu, or @tensorflow/tfjs-node, whichever is installed and
 * loads. Both are optional: they fetch TensorFlow's library when they are installed, which not every network allows.
 */

import util from 'node:util';
import { definePlugin, tf } from '../../../core/index.js';
import { DEVICE_STAGES } from '../stages.js';

const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/** What the binding of both packages tells of itself. */
interface NodeBackend {
  readonly isUsingGpuDevice?: boolean;
}

export default definePlugin({
  name: 'tensorflow',
  apiVersion: 1,
  family: 'devices',
  apply(trainer) {
    trainer.hooks.openDevice.tap(
      async (request) => {
        if (!request.wants('tensorflow')) return undefined;
        restoreUtil();
        const reasons: string[] = [];
        for (const name of PACKAGES) {
          try {
            await import(name);
            if (!(await tf.setBackend('tensorflow'))) throw new Error('its backend does not start');
            const onGpu = (tf.backend() as NodeBackend).isUsingGpuDevice === true;
            // On a CPU the native device is faster.
            if (!onGpu && request.name === 'auto') throw new Error('it sees no GPU');
            const what = onGpu ? 'on the GPU' : 'on the CPU';
            return { name: 'tensorflow', backend: 'tensorflow', description: `TensorFlow ${what} (${name})` };
          } catch (error) {
            reasons.push(`${name} ${explain(name, error)}`);
          }
        }
        request.decline('tensorflow', reasons.join(', '));
        return undefined;
      },
      { stage: DEVICE_STAGES.tensorflow },
    );
  },
});

/** tfjs-node 4.22 calls a function that Node 23 and later no longer have. */
function restoreUtil(): void {
  const legacy = util as { isNullOrUndefined?: (value: unknown) => boolean };
  legacy.isNullOrUndefined ??= (value) => value === null || value === undefined;
}

/** One phrase for the two usual cases: never installed, and installed where its native part could not be fetched. */
function explain(name: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_MODULE_NOT_FOUND' && message.includes(`'${name}'`)) return 'is not installed';
  if (message.includes('tfjs_binding.node'))
    return 'is installed without its addon, which it fetches when installed';
  return `does not load: ${message.split('\n')[0]}`;
}
