import * as tf from '@tensorflow/tfjs';

const nothing = () => {};

/** A frozen weight that nobody computes with. */
export const WEIGHT = { shape: [1, 1], storage: 'f32', byteLength: 4, decode: nothing };

/** A model that has all its parts, and can do nothing; with `values` in the place of some. */
export function modelWith(values: object = {}): object {
  const site = { weight: WEIGHT, adapter: undefined, forward: nothing };
  return {
    backbone: 'none',
    path: '.',
    maxLength: 8,
    linears: [{ ...site, name: 'a', crossEntropy: nothing }],
    embeddings: [{ ...site, name: 'b' }],
    vectors: new Map(),
    trainable: new Map(),
    saves: 'adapter',
    collate: nothing,
    crossEntropy: () => tf.scalar(1),
    logProbabilities: nothing,
    logits: nothing,
    nextLogits: nothing,
    dispose: nothing,
    ...values,
  };
}
