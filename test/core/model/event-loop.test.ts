import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { compose } from '../../support/compose.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { readJson } from '../../support/runs.js';

/**
 * The largest share of the CPU time of `work` that goes by between two turns of the event loop, with a clock that says each time
 * that a second has passed: then it turns wherever it can.
 */
async function longestShare(work: () => Promise<unknown>): Promise<number> {
  const cpuTime = () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  };
  let seconds = 0;
  const { now } = performance;
  performance.now = () => {
    seconds++;
    return 1000 * seconds;
  };
  const start = cpuTime();
  let longest = 0;
  let before = start;
  let isOver = false;
  const turn = () => {
    longest = Math.max(longest, cpuTime() - before);
    before = cpuTime();
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  try {
    await work();
  } finally {
    isOver = true;
    performance.now = now;
  }
  await new Promise((resolve) => setImmediate(resolve));
  return longest / (before - start);
}

describe('the event loop', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  for (const quantizer of ['int8', 'nf4', 'none']) {
    it(`turns while a large model is drawn and stored as ${quantizer}`, async () => {
      const config = { ...readJson(fixture('llama'), 'config.json'), intermediate_size: 100_000 };
      folder.write('config.json', JSON.stringify(config));
      for (const name of ['tokenizer.json', 'tokenizer_config.json'])
        folder.write(name, readFileSync(fixture('llama', name)));
      const model = { path: folder.path, init: 'random' };
      const adapter = { method: 'lora', targetModules: 'all-linear' };
      const { assembler } = await compose({ model, quantizer, adapter, device: 'portable' });
      await assembler.openDevice();
      const share = await longestShare(async () => (await assembler.assemble()).dispose());
      // There are six matrices: work that went through one of them at a time would take a sixth.
      expect(share).to.be.below(0.1);
    });
  }
});
