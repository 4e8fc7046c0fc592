import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { expectError } from '../../../support/errors.js';
import { HubCase } from '../../../support/hub-case.js';

const ROWS = '{"instruction":"a","output":"b"}\n'.repeat(8000);

describe('the hub huggingface, asked for a data set', () => {
  let at: HubCase;
  beforeEach(() => {
    at = new HubCase();
  });
  afterEach(() => at.end());

  it('stores it in the layout of huggingface_hub, and tells size and licence before', async () => {
    await at.serveData({ 'README.md': '# Data', 'data.jsonl': ROWS }, { license: 'cc-by-4.0' });
    expect(await at.locateData()).to.deep.equal(['data.jsonl']);
    expect(at.cache()).to.match(/datasets--people--model$/);
    expect(readFileSync(at.snapshot('data.jsonl'), 'utf8')).to.equal(ROWS);
    expect(readdirSync(at.snapshot())).to.deep.equal(['data.jsonl']);
    expect(readFileSync(at.cache('refs', 'main'), 'utf8')).to.equal(at.hub.commit);
    expect(at.notices).to.deep.equal([
      `data set people/model@${at.hub.commit.slice(0, 7)}: 1 file, split train, 1 MB to download, licence cc-by-4.0; it goes to ${at.cache()}`,
    ]);
    const [first, last] = [at.states[0], at.states.at(-1)];
    expect([first?.bytes, last?.bytes, last?.totalBytes]).to.deep.equal([0, ROWS.length, ROWS.length]);
  });

  it('downloads nothing twice, and needs no hub for what is here', async () => {
    await at.serveData({ 'train.csv': 'a,b\n1,2\n', 'test.csv': 'a,b\n3,4\n' });
    await at.locateData();
    at.hub.requests.length = 0;
    expect(await at.locateData()).to.deep.equal(['train.csv']);
    expect(at.hub.requests.map(({ path }) => path)).to.deep.equal([
      '/api/datasets/people/model/revision/main',
    ]);
    at.environment.set({ HF_HUB_OFFLINE: '1' });
    expect(await at.locateData()).to.deep.equal(['train.csv']);
    expect(await at.locateData({ files: ['train.csv'] })).to.deep.equal(['train.csv']);
    await expectError(
      () => at.locateData({ split: 'test' }),
      'HUB_UNREACHABLE',
      'HF_HUB_OFFLINE',
      'people/model',
    );
  });

  const FILES = Object.fromEntries(
    [
      ...[
        'README.md',
        'dataset_infos.json',
        'data/train-00000-of-00002.parquet',
        'data/train-00001-of-00002.parquet',
      ],
      ...['data/validation-00000-of-00001.parquet', 'data/test_hard-00000-of-00001.parquet'],
    ].map((name) => [name, name]),
  );
  const TRAIN = ['data/train-00000-of-00002.parquet', 'data/train-00001-of-00002.parquet'];

  for (const [what, files, card, wanted, expected] of [
    ['shards of a split', FILES, {}, {}, TRAIN],
    ['another split', FILES, {}, { split: 'test_hard' }, ['data/test_hard-00000-of-00001.parquet']],
    ['names of files', FILES, {}, { files: [TRAIN[1]] }, [TRAIN[1]]],
    ['a wild-card', FILES, {}, { files: ['data/*-00000-*.parquet'], split: 'train' }, [TRAIN[0]]],
    [
      'a folder',
      { 'en/a.json': '1', 'zh/b.json': '2', 'zh/c.md': '3' },
      {},
      { files: ['zh'] },
      ['zh/b.json'],
    ],
    [
      'folders of splits',
      { 'train/a.csv': '1', 'dev/b.csv': '2' },
      {},
      { split: 'validation' },
      ['dev/b.csv'],
    ],
    ['files named by splits', { 'my-training.csv': '1', 'eval.csv': '2' }, {}, {}, ['my-training.csv']],
    ['no names of splits', { 'b.json': '1', 'a.json': '2', 'x.py': '3' }, {}, {}, ['a.json', 'b.json']],
    [
      'a card',
      { 'one.jsonl': '1', 'held.jsonl': '2' },
      { configs: [{ config_name: 'default', data_files: [{ split: 'train', path: 'one.jsonl' }] }] },
      {},
      ['one.jsonl'],
    ],
    [
      'a card of subsets',
      { 'en/a.jsonl': '1', 'zh/b.jsonl': '2' },
      {
        configs: [
          { config_name: 'en', data_files: 'en/*' },
          { config_name: 'zh', data_files: 'zh/*' },
        ],
      },
      { subset: 'zh' },
      ['zh/b.jsonl'],
    ],
    [
      'a card of one split by another name',
      { 'sft/a.jsonl': '1' },
      { configs: [{ config_name: 'default', data_files: [{ split: 'train_sft', path: ['sft/*'] }] }] },
      {},
      ['sft/a.jsonl'],
    ],
  ] as [string, Record<string, string>, object, object, string[]][])
    it(`chooses files by ${what}`, async () => {
      await at.serveData(files, card);
      expect(await at.locateData(wanted)).to.deep.equal(expected);
    });

  it('tells which files of another kind it leaves out', async () => {
    await at.serveData({ 'a.json': '1', 'b.json': '2', 'notes.txt': '3' });
    expect(await at.locateData()).to.deep.equal(['a.json', 'b.json']);
    expect(at.notices.join('\n')).to.include(
      'left out, as of another kind: 1 of its files, such as notes.txt',
    );
  });

  for (const [what, files, card, wanted, told] of [
    [
      'a split',
      { 'train.csv': '1', 'test.csv': '2' },
      {},
      { split: 'dev' },
      ['no split "dev"', 'It has test, train'],
    ],
    [
      'which subset',
      { 'a.csv': '1' },
      { configs: [{ config_name: 'en' }, { config_name: 'zh' }] },
      {},
      ['has several subsets: en, zh', 'subset: en'],
    ],
    [
      'a file',
      { 'train.json': '1' },
      {},
      { files: ['trian.json'] },
      ['no file trian.json (did you mean "train.json"?)'],
    ],
    ['data', { 'load.py': '1', 'a.zip': '2' }, {}, {}, ['no data file that is read', 'refs/convert/parquet']],
  ] as [string, Record<string, string>, object, object, string[]][])
    it(`says where it does not know ${what}`, async () => {
      await at.serveData(files, card);
      const error = await expectError(() => at.locateData(wanted), 'HUB_UNKNOWN', ...told);
      expect(error.at).to.deep.equal(['data', 'sources', 0]);
    });

  it('says that there is no such data set, and how a private one is had', async () => {
    await at.serveData({ 'a.json': '1' });
    await expectError(
      () => at.locateData({ name: 'people/other' }),
      'HUB_UNKNOWN',
      'there is no data set people/other on',
      'set HF_TOKEN',
    );
    at.environment.set({ HF_TOKEN: 'hf_secret' });
    await at.locateData();
    const [asked] = at.hub.requestsFor('a.json');
    expect(asked.headers.authorization).to.equal('Bearer hf_secret');
  });

  it('goes on where a download was cut or interrupted', async () => {
    await at.serveData({ 'data.jsonl': ROWS });
    at.hub.cuts.set('data.jsonl', [100_000]);
    const interruption = new AbortController();
    const { signal } = interruption;
    const progress = () => interruption.abort();
    await expectError(() => at.locateData({ signal, progress }), 'INTERRUPTED', 'the data set people/model');
    expect(existsSync(at.snapshot('data.jsonl'))).to.equal(false);
    expect(await at.locateData()).to.deep.equal(['data.jsonl']);
    expect(readFileSync(at.snapshot('data.jsonl'), 'utf8')).to.equal(ROWS);
  });

  it('is asked by a revision, and for sets without an owner', async () => {
    await at.serveData({ 'a.json': '1' });
    at.hub.revisions.set('v1', '1'.padEnd(40, 'b'));
    await at.locateData({ revision: 'v1' });
    expect(existsSync(at.cache('snapshots', '1'.padEnd(40, 'b'), 'a.json'))).to.equal(true);
    await expectError(() => at.locateData({ name: 'wiki_qa' }), 'HUB_UNKNOWN', 'no data set wiki_qa');
  });
});
