import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { expect } from 'chai';
import { type ConfigOverrides, loadConfig, type RunConfig } from '../../../core/config/load.js';
import { expectError } from '../../support/errors.js';
import { TemporaryFolder } from '../../support/files.js';

const MINIMAL = 'model:\n  path: ./model\ndata:\n  sources: [alpaca]\n';

describe('a configuration file', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  async function load(text: string, overrides?: ConfigOverrides, name = 'run.yaml'): Promise<RunConfig> {
    return (await loadConfig(folder.write(name, text), overrides)).config;
  }

  it('refuses a file that is not there', async () => {
    const file = folder.join('absent.yaml');
    await expectError(() => loadConfig(file), 'CONFIG_FILE', file, 'there is no such file');
  });

  it('refuses a folder', async () => {
    mkdirSync(folder.join('run.yaml'));
    await expectError(() => loadConfig(folder.join('run.yaml')), 'CONFIG_FILE', 'is a folder');
  });

  it('refuses a pipe, for which it would wait', async () => {
    execFileSync('mkfifo', [folder.join('run.yaml')]);
    await expectError(() => loadConfig(folder.join('run.yaml')), 'CONFIG_FILE', 'run.yaml: is a pipe');
  });

  it('refuses another kind of file', async () => {
    await expectError(() => load(MINIMAL, {}, 'run.toml'), 'CONFIG_FILE', 'run.toml', '.yaml, .yml or .json');
  });

  for (const [what, text] of Object.entries({ nothing: '', 'a comment': '# later\n', null: 'null\n' })) {
    it(`refuses a file of ${what}`, async () => {
      await expectError(() => load(text), 'CONFIG_FILE', 'run.yaml', 'empty', 'configs/');
    });
  }

  for (const [text, got] of Object.entries({
    '- a\n- b\n': '["a","b"]',
    'words\n': '"words"',
    '7\n': '7',
  })) {
    it(`refuses ${got} in the place of a mapping`, async () => {
      await expectError(() => load(text), 'CONFIG_FILE', 'run.yaml', 'mapping', `got ${got}`);
    });
  }

  it('names line and column of every syntax error', async () => {
    const text = 'model:\n  path: a\n  path: b\ndata: 1\ndata: 2\n';
    const error = await expectError(() => load(text), 'CONFIG_FILE', 'YAML');
    const faults = error.message.split('\n');
    expect(faults).to.have.length(2);
    expect(faults[0]).to.match(/run\.yaml:3:3: the key path stands here twice$/);
    expect(faults[1]).to.match(/run\.yaml:5:1: the key data stands here twice$/);
  });

  for (const name of ['run.yml', 'run.json']) {
    it(`reads ${name}`, async () => {
      const text = '{ "model": { "path": "m" }, "data": { "sources": ["cot"], "shuffle": false } }';
      const { model, data } = await load(text, {}, name);
      expect(model.path).to.equal(folder.join('m'));
      expect(data).to.include({ shuffle: false, edition: 'sample' });
    });
  }

  it('finds the place of faults in JSON', async () => {
    const text = '{ "model": { "path": "m" },\n  "data": { "sources": 3 } }';
    await expectError(() => load(text, {}, 'run.json'), 'CONFIG_INVALID', 'run.json:2:13: data.sources');
  });

  it('is told of in words that need no knowledge of YAML', async () => {
    const refused = (text: string, ...told: string[]) =>
      expectError(() => load(text), 'CONFIG_FILE', ...told);
    await refused('model\n  path: x\n', 'run.yaml:1:1: expected key: value, but got "model"');
    await refused(`${MINIMAL}device: *none\n`, 'run.yaml: Unresolved alias', 'Correct the YAML');
    await refused('$import: ./run.yaml\n', 'Self-import', 'Correct what $import names');
    await refused('$import: ./none.yaml\n', 'none.yaml: there is no such file; ', 'run.yaml imports it');
    const records = JSON.stringify(Array.from({ length: 99 }, (_, i) => ({ instruction: `Say ${i}.` })));
    const { message } = await refused(
      records,
      'expected a mapping of keys, but got [{"instruction":"Say 0."}',
    );
    expect(message).to.have.length.below(200);
  });
});
