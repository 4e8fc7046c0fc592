import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { compose } from '../../support/compose.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { readJson } from '../../support/runs.js';

/** The most milliseconds of CPU time between two turns of the event loop while `work` goes on. */
async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let before = process.cpuUsage();
  let isOver = false;
  const turn = () => {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    longest = Math.max(longest, (user + system) / 1000);
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  try {
    await work();
  } finally {
    isOver = true;
  }
  await new Promise((resolve) => setImmediate(resolve));
  return longest;
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
      const longest = await longestTurn(async () => (await assembler.assemble()).dispose());
      expect(longest).to.be.below(200);
    });
  }
});
