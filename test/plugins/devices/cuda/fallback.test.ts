import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import cuda from '../../../../plugins/devices/cuda/index.js';
import { DRIVER, describeCuda } from '../../../support/cuda.js';
import { askDevice } from '../../../support/devices.js';

describeCuda('what the card has no kernel for', () => {
  it('is computed by the CPU, and counted with what was fetched from the card', async () => {
    const { device } = await askDevice(cuda, { driver: DRIVER }, 'cuda');
    expect(device?.usage?.().fallbacks).to.deep.equal({});
    tf.tidy(() => {
      const sum = tf.add(tf.tensor1d([1, 2, 3]), tf.tensor1d([1, 1, 1]));
      expect([...tf.cumsum(sum).dataSync()]).to.deep.equal([2, 5, 9]);
      // What is in this process anyhow costs no copy.
      expect([...tf.cumsum(tf.tensor1d([1, 2])).dataSync()]).to.deep.equal([1, 3]);
    });
    expect(device?.usage?.().fallbacks).to.deep.equal({ Cumsum: { calls: 1, bytes: 12 } });
    const again = await askDevice(cuda, { driver: DRIVER }, 'cuda');
    expect(again.device?.usage?.().fallbacks, 'of another run').to.deep.equal({});
  });

  it('are not the multiples that TensorFlow.js makes between ops', async () => {
    const { device } = await askDevice(cuda, { driver: DRIVER }, 'cuda');
    tf.tidy(() => {
      const sum = tf.add(tf.tensor1d([1, 2, 3]), tf.tensor1d([1, 1, 1]));
      const gradient = tf.grad((x) => tf.mul(tf.div(x, 4), 3))(sum);
      expect([...gradient.dataSync()]).to.deep.equal([0.75, 0.75, 0.75]);
    });
    expect(device?.usage?.().fallbacks).to.deep.equal({});
  });
});
