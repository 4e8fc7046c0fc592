import { mkdirSync, readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { Encoder, LanguageModel } from '../../../../core/index.js';
import { withModel } from '../../../support/compose.js';
import { fixture, TemporaryFolder } from '../../../support/files.js';
import { LADDER_HIDDEN, makeLadder } from '../../../support/ladder.js';
import { EIGHT_ROWS } from '../../../support/runs.js';
import { evolveShared } from '../../../support/shared-cli.js';

const PLUGIN = fixture('plugins', 'ladder-backbone.ts');
const PASS = { training: false, seed: 0, checkpointing: false };

describe("a third party's backbone that provides an architecture", () => {
  let folder: TemporaryFolder;
  before(async function () {
    this.timeout(300_000);
    folder = new TemporaryFolder();
    mkdirSync(folder.join('ladder'));
    await makeLadder(folder.join('ladder'));
    folder.write('rows.json', EIGHT_ROWS);
    const run = {
      model: { path: './ladder' },
      adapter: { targetModules: ['mix'] },
      data: { sources: [{ path: './rows.json', format: 'alpaca' }], validationSize: 0 },
      train: { maxSteps: 2, warmupSteps: 0, learningRate: 0.05, gradientAccumulationSteps: 1 },
      device: 'portable',
      plugins: [PLUGIN],
      output: './run',
    };
    await done('run', folder.write('run.json', JSON.stringify(run)));
    const trained = ['--run', 'run', '--device', 'portable'];
    await done('merge', ...trained, '--output', 'merged');
    await done('export', ...trained, '--format', 'gguf', '--output', 'gguf');
  });
  after(() => folder.remove());

  /** Runs evolve, which must do its work. */
  async function done(...args: string[]): Promise<void> {
    const { status, stderr } = await evolveShared(args, { cwd: folder.path });
    expect(status, stderr).to.equal(0);
  }

  /** What `use` finds in the model at a path, with the plugin. */
  const inModel = <T>(path: string, use: (model: LanguageModel, encoder: Encoder) => T) =>
    withModel({ model: { path: folder.join(path) }, plugins: [PLUGIN] }, (model, { encoder }) =>
      use(model, encoder),
    );

  it('is exported to GGUF, and read again as the model that it was', async () => {
    const ids = Int32Array.from([1, 5, 9, 200]);
    const logits = (model: LanguageModel) => {
      const batch = model.collate([{ inputIds: ids, spans: [] }]);
      return tf.tidy(() => model.logits(batch, PASS).dataSync().slice());
    };
    const [base, merged, again] = [
      await inModel('ladder', logits),
      await inModel('merged', logits),
      await inModel('gguf/model.gguf', logits),
    ];
    expect(again).to.deep.equal(merged);
    expect(again).to.not.deep.equal(base);
    const encode = (_: LanguageModel, { tokenizer }: Encoder) => tokenizer.encode('Hello, world!');
    expect(await inModel('gguf/model.gguf', encode)).to.deep.equal(await inModel('ladder', encode));
  });

  it('has its own names there, its settings, and its rows in the order that it says', () => {
    const bytes = readFileSync(folder.join('gguf', 'model.gguf'));
    const head = bytes.toString('latin1', 0, bytes.indexOf('tokenizer.ggml'));
    for (const key of ['ladder.block_count', 'ladder.attention.head_count']) expect(head).to.include(key);
    const merged = readFileSync(folder.join('merged', 'model.safetensors'));
    const row = (file: Buffer, start: number, index: number) =>
      file.subarray(start + 4 * LADDER_HIDDEN * index, start + 4 * LADDER_HIDDEN * (index + 1));
    const headBytes = Number(merged.readBigUInt64LE());
    const { data_offsets: offsets } = JSON.parse(merged.toString('utf8', 8, 8 + headBytes))[
      'rungs.1.mix.weight'
    ];
    const start = 8 + headBytes + offsets[0];
    const first = bytes.indexOf(row(merged, start, 0));
    // Two heads of eight rows: the first row of a head's second half is the head's second row.
    expect(row(bytes, first, 1)).to.deep.equal(row(merged, start, 4));
  });

  it('is refused without the plugin, with the architectures that there are', async () => {
    const args = ['generate', '--model', 'gguf/model.gguf', '--instruction', 'x', '--device', 'portable'];
    const { status, stderr } = await evolveShared(args, { cwd: folder.path });
    expect(stderr).to.include('is a model of the architecture "ladder"').and.to.include('Known are ');
    expect(status).to.equal(2);
  });
});
