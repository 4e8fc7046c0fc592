import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'chai';
import { readTensors } from '../../support/checkpoints.js';
import { type ComposedRun, compose } from '../../support/compose.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { LLAMA } from '../../support/llama-fixture.js';

const plugin = (name: string) => fixture('plugins', `${name}.ts`);
const CONVERSATIONS = ['red', 'green', 'blue', 'white', 'black', 'grey'].map((color, i) =>
  JSON.stringify({
    conversations: [
      { from: 'human', value: `Name color ${i}.` },
      { from: 'gpt', value: `It is ${color}.` },
    ],
  }),
);

describe('a run in which every part is a third party’s', () => {
  let folder: TemporaryFolder;
  let runs: ComposedRun[];

  /** LLaMA's files on the shelf, its weights in JSON. */
  async function fillShelf(): Promise<void> {
    const place = folder.join('shelf', 'people', 'tiny');
    mkdirSync(place, { recursive: true });
    for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
      await cp(path.join(LLAMA.path, name), path.join(place, name));
    const tensors = Object.entries(await readTensors(LLAMA.path)).map(
      ([name, { shape, values }]) => [name, { shape, values: Float32Array.from(values) }] as const,
    );
    const { hooks } = await compose({ plugins: [plugin('json-weights')] });
    await hooks.writeCheckpoint.promise({
      path: path.join(place, 'model.weights.json'),
      tensors: new Map(tensors),
    });
  }

  /** The process of a rank, of two. */
  const composeRank = (rank: number, values: object = {}) =>
    compose({
      model: { path: 'people/tiny' },
      quantizer: 'int4',
      adapter: { method: 'ia3' },
      data: {
        sources: [{ path: folder.join('rows.jsonl'), format: 'sharegpt' }],
        template: 'vicuna',
        validationSize: 2,
      },
      train: {
        maxSteps: 4,
        warmupSteps: 0,
        learningRate: 0.02,
        perDeviceBatchSize: 1,
        gradientAccumulationSteps: 2,
        objective: 'my-smoothing',
        optimizer: 'my-lion',
        scheduler: 'plateau',
      },
      metrics: ['my-exact-match'],
      device: 'far',
      world: { name: 'shared-folder', folder: folder.join('world'), rank, size: 2 },
      plugins: [
        [plugin('shelf'), { folder: folder.join('shelf') }],
        [plugin('csv'), { separator: ';' }],
        ...['json-weights', 'sharegpt', 'vicuna', 'int4', 'ia3', 'label-smoothing', 'lion', 'plateau'].map(
          plugin,
        ),
        ...['exact-match', 'far', 'shared-folder', 'early-stopping', 'gradient-noise'].map(plugin),
      ],
      output: folder.join(`rank${rank}`),
      ...values,
    });

  before(async () => {
    folder = new TemporaryFolder();
    folder.write('rows.jsonl', CONVERSATIONS.join('\n'));
    await fillShelf();
    runs = await Promise.all([0, 1].map((rank) => composeRank(rank)));
    await Promise.all(runs.map(({ trainer }) => trainer.run()));
  });
  after(() => folder.remove());

  it('learns, the same in each process, and tells of it in the first', () => {
    const [lines, none] = [0, 1].map((rank) => {
      const file = folder.join(`rank${rank}`, 'losses.csv');
      return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : undefined;
    });
    expect(none).to.equal(undefined);
    const losses = (lines ?? []).slice(1).flatMap((line) => Number(line.split(';')[1]) || []);
    expect(losses).to.have.lengthOf(4);
    expect(losses[3]).to.be.below(losses[0]);
    const [ours, theirs] = runs.map(({ events }) => events.filter(({ type }) => type === 'eval'));
    expect(ours).to.have.lengthOf(2).and.to.deep.equal(theirs);
  });

  it('saves what another run begins with', async () => {
    expect(readdirSync(folder.join('rank0', 'adapter'))).to.deep.equal(['adapter_model.safetensors']);
    const saved = await readTensors(folder.join('rank0', 'adapter', 'adapter_model.safetensors'));
    const { assembler } = await composeRank(0, {
      adapter: { method: 'ia3', init: folder.join('rank0', 'adapter') },
    });
    await assembler.openDevice();
    const { model, dispose } = await assembler.assemble();
    for (const [name, variable] of model.trainable)
      expect([...variable.dataSync()], name).to.deep.equal(saved[name].values);
    expect([...model.trainable.keys()]).to.have.members(Object.keys(saved));
    dispose();
  });
});
