import { expect } from 'chai';
import { type ExampleBatch, encodeBatch } from '../../../core/data/encode-batch.js';
import { EncodingPool } from '../../../core/data/encoding-pool.js';
import type { Encoder, Example } from '../../../core/index.js';
import { startEncodingWorker } from '../../../core/run/start-encoding-worker.js';
import { compose } from '../../support/compose.js';
import { fixture } from '../../support/files.js';

const SETTINGS = { cutoffLength: 24, long: 'cut' } as const;

function batchOf(number: number): ExampleBatch {
  const examples = Array.from(
    { length: 20 },
    (_, i): Example => ({
      kind: 'instruction',
      instruction: `Say ${number} and ${i}. 说`,
      input: '',
      output: i === 7 ? ' ' : `${number} and ${i}, ${'again '.repeat(i)}`,
    }),
  );
  return {
    examples,
    sources: Int32Array.from(examples, (_, i) => i % 2),
    languages: new Int32Array(examples.length),
  };
}
const textOf = ({ examples }: ExampleBatch) =>
  Buffer.from(`${examples.map((example) => JSON.stringify(example)).join('\n')}\n`);

describe('EncodingPool', () => {
  let encoder: Encoder;
  let start: () => ReturnType<typeof startEncodingWorker>;
  before(async () => {
    const { assembler, config } = await compose({ model: { path: fixture('llama') } });
    encoder = await assembler.loadEncoder();
    start = () => startEncodingWorker(config);
  });

  /** A pool whose patience is over. */
  const poolOf = (startWorker: (() => ReturnType<typeof startEncodingWorker>) | undefined, workers = 2) =>
    new EncodingPool(
      { encoder, settings: SETTINGS, signal: new AbortController().signal, startWorker, workers },
      0,
    );

  it('gives the same rows in this thread and in workers, in any order of their answers', async () => {
    const batches = Array.from({ length: 12 }, (_, i) => batchOf(i));
    const expected = await Promise.all(batches.map((batch) => encodeBatch(batch, encoder, SETTINGS)));
    expect(expected[0].counts).to.deep.include({ empty: { 'output is': 1 } });
    for (const pool of [poolOf(undefined), poolOf(start)]) {
      const answers = await Promise.all(batches.map((batch) => pool.encode(batch, textOf(batch))));
      await pool.close();
      expect(answers).to.deep.equal(expected);
    }
  });

  it('encodes here what a worker that has ended does not', async () => {
    const pool = poolOf(() => {
      const worker = start();
      void worker.terminate();
      return worker;
    }, 1);
    const batch = batchOf(1);
    expect(await pool.encode(batch, textOf(batch))).to.deep.equal(
      await encodeBatch(batch, encoder, SETTINGS),
    );
    await pool.close();
  });
});
