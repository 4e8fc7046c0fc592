import { expect } from 'chai';
import { suggest } from '../../../core/base/suggest.js';

const KNOWN = ['epochs', 'perDeviceBatchSize', 'seed', 'targetModules'];

describe('suggest', () => {
  for (const [slip, meant] of Object.entries({
    epoch: 'epochs',
    speed: 'seed',
    per_device_batch_size: 'perDeviceBatchSize',
    'target-modules': 'targetModules',
    TARGETMODULES: 'targetModules',
    // Long words may have more slips: a third of their letters.
    prDevicBatchSiz: 'perDeviceBatchSize',
  })) {
    it(`takes "${slip}" for "${meant}"`, () => {
      expect(suggest(slip, KNOWN)).to.equal(` (did you mean "${meant}"?)`);
    });
  }

  for (const [word, known, hint] of [
    ['cpu', ['native', 'portable', 'tensorflow'], '"native" or "portable"'],
    ['cuda:0', ['cuda', 'native', 'portable', 'tensorflow'], '"cuda"'],
    ['gpu', ['cuda', 'native', 'portable', 'tensorflow'], '"cuda" or "tensorflow"'],
    ['lora_alpha', ['r', 'alpha', 'targetModules'], '"alpha"'],
    ['num_train_epochs', KNOWN, '"epochs"'],
    ['max_seq_length', ['cutoffLength'], '"cutoffLength"'],
  ] as const) {
    it(`knows "${word}", as others say`, () => {
      expect(suggest(word, known)).to.equal(` (did you mean ${hint}?)`);
    });
  }

  it('prefers another spelling of the word to a word that is near', () => {
    expect(suggest('max_steps', ['maxstep', 'maxSteps'])).to.include('"maxSteps"');
  });

  it('says nothing where nothing is near, or known', () => {
    expect(suggest('learningRate', KNOWN)).to.equal('');
    expect(suggest('x', KNOWN)).to.equal('');
    expect(suggest('epochs', [])).to.equal('');
  });
});
