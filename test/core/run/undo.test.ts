import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { Undo } from '../../../core/run/undo.js';

describe('Undo', () => {
  let w: tf.Variable;
  let undo: Undo;

  beforeEach(() => {
    w = tf.tidy(() => tf.variable(tf.tensor([1, 2])));
    undo = new Undo(new Map([['w', w]]));
  });
  afterEach(() => {
    undo.dispose();
    w.dispose();
  });

  const assign = (values: number[]) => {
    const tensor = tf.tensor(values);
    w.assign(tensor);
    tensor.dispose();
  };
  const values = () => [...w.dataSync()];

  it('takes exactly the last update back, once', () => {
    expect(undo.undo(), 'before any update').to.equal(false);
    undo.remember();
    assign([3, 4]);
    undo.remember();
    assign([Number.NaN, 5]);
    expect(undo.undo()).to.equal(true);
    expect(values()).to.deep.equal([3, 4]);
    expect(undo.undo(), 'a second time').to.equal(false);
    expect(values()).to.deep.equal([3, 4]);
  });

  it('holds one tensor a variable, and frees it', () => {
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) undo.remember();
    expect(tf.memory().numTensors).to.equal(before + 1);
    undo.dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });
});
