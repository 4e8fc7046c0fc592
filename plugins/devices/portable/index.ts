/**
 * What every machine can run: TensorFlow.js's wasm backend, or its plain JavaScript one (`backend: cpu`), the
 * reference against which other devices are held.
 */

import { createRequire } from 'node:module';
import { type Device, definePlugin, tf, z } from '../../../core/index.js';
import { DEVICE_STAGES } from '../kit/stages.js';
import { registerSharingIdentity } from './identity.js';
import { registerPlainMatMul } from './mat-mul.js';

export default definePlugin({
  name: 'portable',
  apiVersion: 2,
  family: 'devices',
  schema: z.strictObject({ backend: z.enum(['wasm', 'cpu']).default('wasm') }),
  apply(trainer, { backend }) {
    const open = async (request: { wants(name: string): boolean }): Promise<Device | undefined> => {
      if (!request.wants('portable')) return undefined;
      // Else tfjs advises to install tfjs-node; the line about the device says more.
      tf.enableProdMode();
      if (backend === 'wasm') {
        // Import would read it three times (core/base/tf.ts).
        createRequire(import.meta.url)('@tensorflow/tfjs-backend-wasm');
        if (await tf.setBackend('wasm')) {
          registerPlainMatMul();
          registerSharingIdentity();
          return {
            name: 'portable',
            backend: 'wasm',
            description: 'TensorFlow.js on WebAssembly, one thread',
          };
        }
        trainer.notice(
          'device portable: the wasm backend does not load here; taking plain JavaScript, which is far slower',
        );
      }
      await tf.setBackend('cpu');
      return {
        name: 'portable',
        backend: 'cpu',
        description: 'TensorFlow.js in plain JavaScript, one thread',
      };
    };
    trainer.hooks.openDevice.tap(open, { stage: DEVICE_STAGES.portable });
  },
});
