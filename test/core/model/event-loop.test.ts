import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { compose } from '../../support/compose.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { readJson } from '../../support/runs.js';

/** How often the event loop turns while `work` goes on, with a clock that says each time that a second has gone by. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let now = 0;
  const { now: realNow } = performance;
  performance.now = () => {
    now += 1000;
    return now;
  };
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  try {
    await work();
  } finally {
    isOver = true;
    performance.now = realNow;
  }
  await new Promise((resolve) => setImmediate(resolve));
  return turns;
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
      const turns = await turnsDuring(async () => (await assembler.assemble()).dispose());
      // Six matrices of 3.2 million numbers each: no more than a few thousand numbers lie between two looks at the clock.
      expect(turns).to.be.above(5000);
    });
  }
});
