import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { compose } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { skip } from '../../support/skip.js';

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
    if (found.length === 0) return;
    skip(this, `${found.join(' and ')} is installed here, so the device may well open`);
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
    expect(declined).to.deep.equal([['tensorflow', reasons]]);
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
