import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { expect } from 'chai';
import { registerPlainMatMul } from '../../plugins/devices/portable/mat-mul.js';

/** The backends that every machine has, made ready as the device plugin `portable` does. */
const BACKENDS = ['cpu', 'wasm'] as const;
type Backend = (typeof BACKENDS)[number];

/** Makes `backend` the active one. */
export async function useBackend(backend: Backend): Promise<void> {
  expect(await tf.setBackend(backend), `the backend ${backend} starts`).to.equal(true);
  if (backend === 'wasm') registerPlainMatMul();
}

/** The same tests on each backend. */
export function forEachBackend(tests: (backend: Backend) => void): void {
  for (const backend of BACKENDS) {
    describe(`on ${backend}`, () => {
      // The root hook has put every test on cpu before.
      beforeEach(() => useBackend(backend));
      tests(backend);
    });
  }
}
