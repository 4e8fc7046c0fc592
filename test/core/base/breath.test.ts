import { expect } from 'chai';
import { Breath, interruptionOf } from '../../../core/base/breath.js';
import { EvolveError } from '../../../core/base/errors.js';
import { expectError } from '../../support/errors.js';

describe('Breath', () => {
  it('is due after a while, and lets timers through', async () => {
    const breath = new Breath();
    expect(breath.isDue).to.equal(false);
    let isThrough = false;
    setTimeout(() => {
      isThrough = true;
    }, 1);
    for (const until = performance.now() + 60; performance.now() < until; );
    expect(breath.isDue).to.equal(true);
    while (!isThrough) await breath.take();
    expect(breath.isDue).to.equal(false);
  });

  it('ends the work when the signal aborts, with its reason where that says more', async () => {
    const plain = AbortSignal.abort();
    await expectError(() => new Breath(plain).take(), 'INTERRUPTED', 'interrupted');
    const reason = new EvolveError('PLUGIN_FAILED', 'stray');
    expect(interruptionOf(AbortSignal.abort(reason))).to.equal(reason);
  });
});
