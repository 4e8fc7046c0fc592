/**
 * Before all tests the emulated driver of the cuda device is built, where it is out of date. Root hooks: every test begins on
 * tfjs's cpu backend, the reference, and must free the tensors that it makes.
 */

import 'reflect-metadata';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { execute } from './support/cli.js';
import { ROOT } from './support/files.js';

let tensorsBefore = 0;

/** Without a compiler there is no emulated driver, and the tests that need it say so. In parallel mode this runs once. */
export async function mochaGlobalSetup(): Promise<void> {
  const script = path.join(ROOT, 'plugins', 'devices', 'cuda', 'build.ts');
  await execute(process.execPath, ['--import', 'tsx', script, '--emulated'], { cwd: ROOT });
}

export const mochaHooks = {
  async beforeAll(): Promise<void> {
    tf.enableProdMode();
    await tf.setBackend('cpu');
  },

  async beforeEach(): Promise<void> {
    await tf.setBackend('cpu');
    tensorsBefore = tf.memory().numTensors;
  },

  afterEach(this: Mocha.Context): void {
    if (this.currentTest?.state !== 'passed') return;
    expect(tf.memory().numTensors - tensorsBefore, 'tensors that the test left behind').to.equal(0);
  },
};
