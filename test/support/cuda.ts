/**
 * The cuda device in tests: on the emulated driver, which needs no GPU, or on a card
 * where EVOLVE_CUDA_DRIVER names its driver.
 * What its kernels yield is held to what the composed form yields on the cpu backend.
 */

import { existsSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { emulatedCublasLt, emulatedDriver } from '../../plugins/devices/cuda/emulated.js';
import cuda from '../../plugins/devices/cuda/index.js';
import { askDevice } from './devices.js';
import { numbersOf, onReference, type Results } from './native.js';
import { relativeError } from './numbers.js';
import { skip } from './skip.js';

/** The driver that tests open. */
export const DRIVER = process.env.EVOLVE_CUDA_DRIVER ?? emulatedDriver();

/** An environment in which commands find the emulated driver where they would look for the real one. */
export const EMULATED = { LD_LIBRARY_PATH: path.dirname(emulatedDriver()) };

/** In such an environment the emulated card is one of which the emulated cublasLt takes the large products. */
export const WITH_CUBLASLT =
  DRIVER === emulatedDriver()
    ? { EVOLVE_EMULATED_CAPABILITY: '90', EVOLVE_CUBLASLT: emulatedCublasLt() }
    : {};

/** Runs `use` with environment variables set, and puts them back. */
export async function withEnvironment<T>(
  values: Readonly<Record<string, string | undefined>>,
  use: () => Promise<T>,
): Promise<T> {
  const before = Object.keys(values).map((name) => [name, process.env[name]] as const);
  const set = (entries: Iterable<readonly [string, string | undefined]>) => {
    for (const [name, value] of entries) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
  set(Object.entries(values));
  try {
    return await use();
  } finally {
    set(before);
  }
}

export const NOT_EMULATED = 'the emulated driver is not built, for want of a C++ compiler';

const NOT_ASKED = 'it takes minutes on the emulated driver; npm run test:emulated-gpu runs it';

/** Why tests of many kernels one after another do not run here, if they do not. */
export function whyNotLong(): string | undefined {
  if (DRIVER !== emulatedDriver()) return undefined;
  if (!existsSync(DRIVER)) return NOT_EMULATED;
  return process.env.EVOLVE_TEST_LONG === '1' ? undefined : NOT_ASKED;
}

/** Skips such tests, with a line that says why. */
export function requireLong(test: Mocha.Context): void {
  const reason = whyNotLong();
  if (reason) skip(test, reason);
}

/** Skips, with a line that says why, where the emulated driver is not built. */
export function requireEmulated(test: Mocha.Context): void {
  if (!existsSync(emulatedDriver())) skip(test, NOT_EMULATED);
}

/** Tests that need the cuda device; skipped, with a line that says why, where neither a card nor a compiler is. */
export function describeCuda(title: string, tests: () => void): void {
  describe(title, () => {
    before(async function () {
      if (DRIVER === emulatedDriver()) requireEmulated(this);
      const { device, declined } = await askDevice(cuda, { driver: DRIVER }, 'cuda');
      expect(device, declined[0]).to.be.an('object');
    });
    tests();
  });
}

/**
 * Holds what `compute` yields on the card to the reference, by default the same on the cpu backend; twice, which must agree bit
 * by bit. Errors are relative to the largest magnitude of a result.
 */
export async function expectOnCard(
  tolerance: number,
  compute: () => Results,
  reference = compute,
): Promise<void> {
  const expected = await onReference(reference);
  await tf.setBackend('cuda');
  const [actual, again] = [compute, compute].map(numbersOf);
  await tf.setBackend('cpu');
  expect(Object.keys(actual)).to.deep.equal(Object.keys(expected));
  for (const [name, values] of Object.entries(expected)) {
    expect(relativeError(actual[name], values), name).to.be.at.most(tolerance);
    const isSame = Buffer.from(actual[name].buffer).equals(Buffer.from(again[name].buffer));
    expect(isSame, `${name} is the same each time`).to.equal(true);
  }
}
