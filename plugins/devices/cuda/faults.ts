/** What the driver's errors mean while a run is under way, in words for the person. */

import { EvolveError } from '../../../core/index.js';
import { type Addon, driverCode } from './addon.js';

/** Errors that a kernel causes which reads or writes what it must not. The others are the card's or the driver's. */
const OF_KERNELS = [
  'CUDA_ERROR_INVALID_VALUE',
  'CUDA_ERROR_NOT_FOUND',
  'CUDA_ERROR_ILLEGAL_ADDRESS',
  'CUDA_ERROR_MISALIGNED_ADDRESS',
  'CUDA_ERROR_INVALID_ADDRESS_SPACE',
  'CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES',
];
const KEPT = 'What was saved before is kept.';

/** An error of the driver as the person is told of it; any other as it is. Its cause is the driver's. */
function explained(error: unknown): unknown {
  const code = driverCode(error);
  if (!code) return error;
  const { message } = error as Error;
  if (code === 'CUDA_ERROR_OUT_OF_MEMORY') {
    const advice = 'End what else uses the card, or the memory of this machine.';
    return new EvolveError('OUT_OF_MEMORY', `the driver has no memory left: ${message}`, advice, {
      cause: error,
    });
  }
  if (OF_KERNELS.includes(code)) {
    const advice = `${KEPT} This is a fault of evolve; please report it. device: native computes the same.`;
    return new EvolveError('DEVICE_FAILED', `a kernel failed on the card: ${message}`, advice, {
      cause: error,
    });
  }
  const advice = `${KEPT} nvidia-smi shows whether the card answers; the kernel's log (dmesg, lines with "Xid") says what became of it.`;
  return new EvolveError('DEVICE_FAILED', `the card was lost: ${message}`, advice, { cause: error });
}

/** The same addon, whose errors are those that the person is told. */
export function tellingFaults(addon: Addon): Addon {
  const entries = Object.entries(addon) as [string, (...args: unknown[]) => unknown][];
  const telling = entries.map(([name, call]) => [
    name,
    (...args: unknown[]) => {
      try {
        return call(...args);
      } catch (error) {
        throw explained(error);
      }
    },
  ]);
  return Object.fromEntries(telling) as Addon;
}
