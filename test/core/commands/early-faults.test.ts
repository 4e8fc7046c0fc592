import { expect } from 'chai';
import { furtherFaults, loadChecked } from '../../../core/commands/early-faults.js';
import { loadConfig } from '../../../core/config/load.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';

describe('what is wrong with a configuration', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  /** The error of a configuration; places are given as `:line:col`. */
  async function errorOf(...lines: string[]) {
    const file = folder.write('my.yaml', `${lines.join('\n')}\n`);
    const error = await expectError(async () => {
      const { config, locate } = await loadConfig(file, {}, furtherFaults);
      await loadChecked(config, locate, { trackers: [] });
    }, 'CONFIG_INVALID');
    return error.message.replaceAll(`${folder.path}/`, '').split('\n');
  }

  const MISSING = [
    'model: { path: ./none }',
    'adapter: { init: ./adapter }',
    'data:',
    '  sources:',
    '    - { path: ./absent.json, format: alpaca }',
    '    - { path: ./my.yaml, format: alpacca }',
    '    - alpaka',
  ];
  const TOLD = [
    'my.yaml:1:10: there is no file or folder none',
    'my.yaml:2:12: adapter.init: there is no folder adapter',
    'my.yaml:5:9: absent.json: there is no such file',
    'my.yaml:6:26: my.yaml: unknown data format "alpacca" (did you mean "alpaca"?)',
    'my.yaml:7:7: unknown data name "alpaka" (did you mean "alpaca"?)',
  ];

  it('is told all at once: missing files, unknown formats, a missing model', async () => {
    expect(await errorOf(...MISSING)).to.have.members(TOLD);
  });

  it('is told beside unknown plugins', async () => {
    expect(await errorOf(...MISSING, 'quantizer: int3')).to.have.members([
      ...TOLD,
      'my.yaml:8:1: unknown quantizer "int3" (did you mean "int8"?); there are: int8, nf4, none',
    ]);
  });

  it('is told beside unknown keys', async () => {
    expect(await errorOf(...MISSING, 'train: { epochs: three }')).to.have.members([
      ...TOLD,
      'my.yaml:8:10: train.epochs: expected number, but got "three"',
    ]);
  });

  it('is told beside faulty keys of the same section', async () => {
    expect(await errorOf('train: { epochs: three, optimizer: adamm }', ...MISSING)).to.include.members([
      'my.yaml:1:10: train.epochs: expected number, but got "three"',
      'my.yaml:1:25: unknown optimizer "adamm" (did you mean "adamw"?); there are: adamw, lion, sgd',
    ]);
    expect(await errorOf(...MISSING, '  edition: fool')).to.include(
      'my.yaml:5:9: absent.json: there is no such file',
    );
    expect(await errorOf('train: { learningRate: -1 }', ...MISSING)).to.not.include('minLearningRate');
  });

  it('is told for every plugin that is listed, and in the order of the file', async () => {
    folder.write('broken.ts', 'export default {');
    folder.write('unfinished.mjs', 'export default { name: "x", apiVersion: "2" };');
    const plugins = 'plugins: [./none.ts, ./broken.ts, ./unfinished.mjs, lion, lion]';
    const faults = (
      await errorOf('model: { path: ./none }', plugins, 'data: { sources: [cot] }', 'quantizer: int3')
    ).filter((line) => line.startsWith('my.yaml'));
    expect(faults).to.have.lengthOf(7);
    for (const [i, fault] of [
      'my.yaml:1:10: there is no file or folder none',
      'my.yaml:2:11: there is no file or folder',
      'broken.ts cannot be loaded: Transform failed',
      "unfinished.mjs: the plugin's apiVersion must be a number",
      'unfinished.mjs: the plugin has no function apply',
      'the plugin "lion" is listed twice',
      'unknown quantizer "int3" (did you mean "int8"?), unless a plugin that cannot be loaded brings it',
    ].entries())
      expect(faults[i]).to.include(fault);
  });

  it('comes with the form of a source where a file stands in the place of a name', async () => {
    const file = folder.write(
      'my.yaml',
      `model: { path: ${fixture('llama')} }\ndata: { sources: [./rows.json] }\n`,
    );
    const { config, locate } = await loadConfig(file, {}, furtherFaults);
    const load = () => loadChecked(config, locate, { trackers: [] });
    await expectError(load, 'DATA_UNKNOWN', 'unknown data name "./rows.json"', '{ path: ./rows.json }');
  });

  it('comes with advice that fits: a kind of file is no format', async () => {
    for (const format of ['csv', 'jsonl', 'parquet']) {
      const source = `{ path: ./my.yaml, format: ${format} }`;
      const file = folder.write(
        'my.yaml',
        `model: { path: ${fixture('llama')} }\ndata: { sources: [${source}] }\n`,
      );
      const { config, locate } = await loadConfig(file, {}, furtherFaults);
      const load = () => loadChecked(config, locate, { trackers: [] });
      expect((await expectError(load, 'DATA_UNKNOWN', 'its content tells')).message).to.not.include(
        'did you mean',
      );
    }
  });

  it('leaves the formats of a third party to its plugin', async () => {
    const file = folder.write('my.yaml', `model: { path: ${fixture('llama')} }\ndata: { sources: [mine] }\n`);
    folder.write('mine.mjs', 'export default { name: "mine", apiVersion: 2, apply() {} };');
    const overrides = { set: [`plugins=[${folder.join('mine.mjs')}]`] };
    const { config, locate } = await loadConfig(file, overrides, furtherFaults);
    const plugins = await loadChecked(config, locate, { trackers: [] });
    expect(plugins.map(({ plugin }) => plugin.name)).to.include('mine');
  });
});
