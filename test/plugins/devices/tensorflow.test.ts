import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { adamw } from '../../../core/ops/adamw.js';
import { globalNorm } from '../../../core/ops/global-norm.js';
import { variableGradients } from '../../../core/ops/gradients.js';
import type { Binding } from '../../../plugins/devices/tensorflow/binding.js';
import { isInstalled } from '../../../plugins/devices/tensorflow/installed.js';
import { compose, readFixture, withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { type ExpectedLlama, LLAMA, PEFT_ADAPTER } from '../../support/llama-fixture.js';
import { AS_IT_IS } from '../../support/parity.js';
import { rowOf } from '../../support/rows.js';
import { skip } from '../../support/skip.js';
import { describeTensorflow } from '../../support/tensorflow.js';

const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'];

/** Which of the packages can be found from here; importing one would make it the backend. */
function installed(): string[] {
  return PACKAGES.filter((name) => {
    try {
      import.meta.resolve(name);
      return true;
    } catch {
      return false;
    }
  });
}

describe('the device tensorflow where its packages are absent', () => {
  before(function () {
    const found = installed();
    if (isInstalled()) skip(this, 'TensorFlow is installed here, so the device opens');
    if (found.length > 0) skip(this, `${found.join(' and ')} is installed here, so the device may well open`);
  });

  it('declines with one reason a package', async () => {
    const { hooks } = await compose();
    const declined: string[][] = [];
    const device = await hooks.openDevice.promise({
      name: 'tensorflow',
      wants: (name) => name === 'tensorflow',
      decline: (...reason) => declined.push(reason),
    });
    expect(device).to.equal(undefined);
    const reasons = PACKAGES.map((name) => `${name} is not installed`).join(', ');
    const advice = '`evolve device install tensorflow` builds it on a TensorFlow of Python';
    expect(declined).to.deep.equal([['tensorflow', `${reasons}, but ${advice}`]]);
  });

  it('is not tried where another is asked for', async () => {
    const { assembler, events } = await compose({ device: { name: 'portable', backend: 'cpu' } });
    await assembler.openDevice();
    const messages = events.map((event) => (event.type === 'notice' ? event.message : ''));
    expect(messages).to.have.lengthOf(1);
    expect(messages[0])
      .to.match(/^device portable: /)
      .and.not.include('tensorflow:');
  });

  it('asked for by name it gives way to the device that is next, with one notice that says why, once', async () => {
    const { assembler, events } = await compose({ device: 'tensorflow' });
    const device = await assembler.openDevice();
    // Native where its addon is built.
    expect(device.name).to.be.oneOf(['native', 'portable']);
    expect(device.backend).to.equal(tf.getBackend());
    expect(events).to.have.lengthOf(1);
    const [event] = events;
    const message = event.type === 'notice' ? event.message : '';
    expect(message).to.match(/^device (native|portable): .+ \(not tensorflow: .+\)$/);
    expect(message.startsWith(`device ${device.name}: `)).to.equal(true);
    for (const name of PACKAGES) expect(message.split(`${name} is not installed`)).to.have.lengthOf(2);
    expect(message).to.not.include('\n');
  });

  it('takes no options', () =>
    expectError(
      () => compose({ device: { name: 'tensorflow', backend: 'gpu' } }),
      'PLUGIN_INVALID',
      'device.backend',
    ));
});

describeTensorflow('the device tensorflow where it is installed', () => {
  /** Calls `use` with what it reads, makes and frees counted. */
  const counted = (use: () => void): { reads: number; left: number } => {
    const backend = tf.backend() as unknown as { binding: Binding };
    const { binding } = backend;
    let [reads, left] = [0, 0];
    const own: Partial<Binding> = {
      tensorDataSync(id) {
        reads++;
        return binding.tensorDataSync(id);
      },
      createTensor(...given) {
        left++;
        return binding.createTensor(...given);
      },
      executeOp(...given) {
        const outputs = binding.executeOp(...given);
        left += outputs.length;
        return outputs;
      },
      deleteTensor(id) {
        left--;
        binding.deleteTensor(id);
      },
    };
    const get = (_: object, key: string) => Reflect.get(own, key) ?? Reflect.get(binding, key);
    backend.binding = new Proxy({}, { get }) as Binding;
    try {
      use();
    } finally {
      backend.binding = binding;
    }
    return { reads, left };
  };

  for (const quantizer of ['int8', 'nf4']) {
    it(`reads nothing back in a step, and keeps nothing of it, with weights in ${quantizer}`, () =>
      withModel({ model: LLAMA, quantizer, adapter: PEFT_ADAPTER, device: 'tensorflow' }, (model) => {
        const batch = model.collate(readFixture<ExpectedLlama>('llama', 'expected.json').rows.map(rowOf));
        const step = () =>
          tf.tidy(() => {
            const loss = () => model.crossEntropy(batch, { ...AS_IT_IS, training: true });
            const { gradients } = variableGradients(loss, model.trainable);
            const parameters = [...model.trainable.values()];
            const states = parameters.map((x) => ({ mean: tf.zerosLike(x), square: tf.zerosLike(x) }));
            const given = [...gradients.values()];
            globalNorm(given);
            const options = { learningRate: 1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0 };
            adamw(parameters, given, states, { ...options, step: 1, gradientScale: 1 });
          });
        // The first step makes the constants.
        counted(step);
        expect(counted(step)).to.deep.equal({ reads: 0, left: 0 });
      }));
  }
});
