import { expect } from 'chai';
import { resolveSources } from '../../../core/data/sources.js';
import { compose } from '../../support/compose.js';
import { TemporaryFolder } from '../../support/files.js';
import { HubCase } from '../../support/hub-case.js';
import { evolveShared } from '../../support/shared-cli.js';

const ROWS = '{"instruction":"a","output":"b"}\n{"instruction":"c","output":"d"}\n';

describe('data of a hub', () => {
  let at: HubCase;
  beforeEach(() => {
    at = new HubCase();
  });
  afterEach(() => at.end());
  const env = () => ({ HF_ENDPOINT: at.hub.endpoint, HF_HOME: at.folder.join('hf') });

  it('is read as files are, with its language, and told while it comes', async () => {
    await at.serveData({ 'train.jsonl': ROWS, 'test.jsonl': ROWS });
    const { stdout, stderr } = await evolveShared(
      ['data', 'convert', 'hub:people/model', '--output', '-', '--json'],
      { env: env() },
    );
    expect(stdout.trim().split('\n')).to.have.lengthOf(2);
    const events = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map(({ type }) => type)).to.include.members(['notice', 'download', 'done']);
    expect(events[0].message).to.match(
      /^data set people\/model@c0ffee1: 1 file, split train, 1 MB to download/,
    );
  });

  it('trains a run: in one line of its configuration', async () => {
    await at.serveData({ 'README.md': '', 'rows.jsonl': ROWS.repeat(6) });
    const out = new TemporaryFolder();
    const { config, trainer, events } = await compose({
      model: { path: 'data/models/llama-tiny' },
      data: { sources: [{ hub: 'people/model', language: 'en' }], validationSize: 2 },
      train: { maxSteps: 1, gradientAccumulationSteps: 1 },
      output: out.join('run'),
    });
    expect(resolveSources(config.data)[0].hub?.name).to.equal('people/model');
    const { status, rows } = await trainer.run();
    expect([status, rows?.trainRows, rows?.validationRows]).to.deep.equal(['completed', 10, 2]);
    expect(events.some((event) => event.type === 'download' && event.status === 'completed')).to.equal(true);
    out.remove();
  });

  it('takes the full edition of a name from there', async () => {
    await at.serve({});
    const { stderr, status } = await evolveShared(['data', 'check', 'moss', '--edition', 'full'], {
      env: env(),
    });
    expect(stderr).to.include('there is no data set QingyiSi/Alpaca-CoT on http://127.0.0.1');
    expect(status).to.equal(2);
  });
});
