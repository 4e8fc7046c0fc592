import type { Results } from '../support/native.js';

/** The device whose kernels a suite is for. */
export interface KernelHost {
  readonly title: string;
  /** `describe` where the device is there, else tests that are skipped with the reason. */
  readonly describe: (title: string, tests: () => void) => void;
  /** Holds what `compute` yields on the device to the cpu backend; errors are relative to the largest magnitude of a result. */
  readonly hold: (tolerance: number, compute: () => Results) => Promise<void>;
}
