/**
 * TensorFlow's own runtime through @tensorflow/tfjs-node-gpu, or @tensorflow/tfjs-node, whichever is installed and
 * loads. Both are optional: they fetch TensorFlow's library when they are installed, which not every network allows.
 */

import util from 'node:util';
import { definePlugin, tf } from '../../../core/index.js';
import { DEVICE_STAGES } from '../kit/stages.js';

const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/** What the binding of both packages tells of itself. */
interface NodeBackend {
  readonly isUsingGpuDevice?: boolean;
}

export default definePlugin({
  name: 'tensorflow',
  apiVersion: 2,
  family: 'devices',
  apply(trainer) {
    trainer.hooks.openDevice.tap(
      async (request) => {
        if (!request.wants('tensorflow')) return undefined;
        restoreUtil();
        // TensorFlow tells of its CPU and of CUDA libraries on standard error; the line of the device says what matters.
        process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
        const reasons: string[] = [];
        for (const name of PACKAGES) {
          const fault = await load(name);
          const onGpu = !fault && (tf.backend() as NodeBackend).isUsingGpuDevice === true;
          // On a CPU the native device is faster.
          if (fault || (!onGpu && request.name === 'auto')) {
            reasons.push(`${name} ${fault ?? 'sees no GPU'}`);
            continue;
          }
          const what = onGpu ? 'on the GPU' : 'on the CPU';
          return { name: 'tensorflow', backend: 'tensorflow', description: `TensorFlow ${what} (${name})` };
        }
        request.decline('tensorflow', reasons.join(', '));
        return undefined;
      },
      { stage: DEVICE_STAGES.tensorflow },
    );
  },
});

/** What keeps a package from working, if anything does. */
async function load(name: string): Promise<string | undefined> {
  try {
    await import(name);
    return (await tf.setBackend('tensorflow')) ? undefined : 'does not start its backend';
  } catch (error) {
    return explain(name, error);
  }
}

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
