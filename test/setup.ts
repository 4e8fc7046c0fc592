/** Root hooks: every test begins on tfjs's cpu backend, the reference, and must free the tensors that it makes. */

import 'reflect-metadata';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';

let tensorsBefore = 0;

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
