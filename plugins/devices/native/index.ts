/**
 * The CPU at the speed of the machine: kernels in C++ for the ops of core/ops, on threads of their own. The addon is
 * built when the project is installed (build.ts); src/kernels.hpp says what it offers.
 */

import { definePlugin, EvolveError, launchOf, tf, z } from '../../../core/index.js';
import { DEVICE_STAGES } from '../kit/stages.js';
import { type Addon, loadAddon } from './addon.js';
import { NativeBackend } from './backend.js';
import { coresOfProcess } from './cores.js';
import { registerAttention } from './kernels/attention.js';
import { registerColumns } from './kernels/columns.js';
import { registerElements } from './kernels/elements.js';
import { registerGates } from './kernels/gates.js';
import { BACKEND, type Native } from './kernels/kit.js';
import { registerLinear } from './kernels/linear.js';
import { registerLoss } from './kernels/loss.js';
import { registerMatMul } from './kernels/mat-mul.js';
import { registerNorms } from './kernels/norms.js';
import { registerOptimizer } from './kernels/optimizer.js';
import { registerRotary } from './kernels/rotary.js';
import { registerRows } from './kernels/rows.js';
import { registerStorage } from './kernels/storage.js';
import { PlacedWeights } from './placed-weights.js';

/**
 * From this many times its row's root mean square on, a number makes its column an outlier. Measured on SmolLM2-135M:
 * without outliers int8 products cost 1.7 % of the held-out loss, with them nothing that could be told from chance.
 */
const OUTLIER_THRESHOLD = 8;

export default definePlugin({
  name: 'native',
  apiVersion: 2,
  family: 'devices',
  schema: z.strictObject({
    /** How many threads compute; as many as the process may use cores where it is not said. */
    threads: z.number().int().min(1).max(1024).optional(),
  }),
  apply(trainer, options) {
    trainer.hooks.openDevice.tap(
      async (request) => {
        if (!request.wants('native')) return undefined;
        const addon = loadAddon();
        if ('reason' in addon) {
          request.decline('native', addon.reason);
          return undefined;
        }
        const cores = coresOfProcess(launchOf().localSize);
        const threads = options.threads ?? cores;
        if (threads > cores) {
          trainer.notice(
            `device native: ${threads} threads are more than the ${cores === 1 ? 'one core' : `${cores} cores`} that they may use, which is slower; leave device.threads out, or set it to ${cores} or less`,
          );
        }
        const isa = openAddon(addon, threads);
        const { weights } = await openBackend(addon);
        const each = threads === 1 ? 'one thread' : `${threads} threads`;
        return {
          name: 'native',
          backend: BACKEND,
          description: `C++ kernels for ${isa}, ${each}`,
          placeWeights(model) {
            for (const { weight } of [...model.embeddings, ...model.linears]) weights.place(weight);
            // They lie where they are: there is nothing to free.
            return undefined;
          },
        };
      },
      { stage: DEVICE_STAGES.native },
    );
  },
});

/** Starts the threads and takes the instruction set that EVOLVE_ISA names, or the best one. */
function openAddon(addon: Addon, threads: number): string {
  const wanted = process.env.EVOLVE_ISA || null;
  const isas = addon.isas();
  if (wanted !== null && !isas.includes(wanted)) {
    const message = `EVOLVE_ISA is "${wanted}", which this CPU cannot run or evolve does not know`;
    throw new EvolveError('DEVICE_UNKNOWN', message, `Set it to one of ${isas.join(', ')}, or not at all.`);
  }
  try {
    return addon.open(wanted, threads);
  } catch (error) {
    throw new EvolveError('DEVICE_UNKNOWN', (error as Error).message, 'Lower device.threads.', {
      at: ['device', 'threads'],
    });
  }
}

/** There is one backend a process, whoever asks for it. */
let native: Native | undefined;

async function openBackend(addon: Addon): Promise<Native> {
  if (!native) {
    const backend = new NativeBackend(addon);
    tf.registerBackend(BACKEND, () => backend);
    tf.copyRegisteredKernels('cpu', BACKEND);
    native = {
      backend,
      weights: new PlacedWeights(addon),
      outlierThreshold: OUTLIER_THRESHOLD,
    };
    for (const register of [
      registerLinear,
      registerMatMul,
      registerAttention,
      registerLoss,
      registerNorms,
      registerGates,
      registerRotary,
      registerRows,
      registerColumns,
      registerElements,
      registerOptimizer,
      registerStorage,
    ]) {
      register(native);
    }
  }
  await tf.setBackend(BACKEND);
  return native;
}
