import { expect } from 'chai';
import { makeConfig, type RunConfig } from '../../../core/config/load.js';
import { resolveSources } from '../../../core/data/sources.js';
import { expectError } from '../../support/errors.js';
import { TemporaryFolder } from '../../support/files.js';

function dataOf(data: object): RunConfig['data'] {
  return makeConfig({ model: { path: '.' }, data }).data;
}

const resolve = (...sources: unknown[]) => resolveSources(dataOf({ sources }));

describe('resolveSources', () => {
  const folder = new TemporaryFolder();
  after(() => folder.remove());

  it('takes the embedded sample of a name, and its full edition from the hub, with its language', () => {
    const [sample] = resolve('cot');
    expect(sample).to.deep.include({ name: 'cot', format: 'cot', language: 'en', index: 0 });
    expect(sample.path).to.match(/data\/samples\/cot\.tsv$/);
    const full = resolveSources(dataOf({ sources: ['alpaca-cot'], edition: 'full' }));
    expect(full.map(({ hub, path }) => [hub?.name, hub?.files, path])).to.deep.equal([
      ['QingyiSi/Alpaca-CoT', ['alpaca/alpaca_data_cleaned.json'], undefined],
      ['QingyiSi/Alpaca-CoT', ['Chain-of-Thought/CoT_data.json'], undefined],
    ]);
  });

  it('says of a name without a sample that the full edition has it', () =>
    expectError(
      () => resolve('moss'),
      'DATA_UNKNOWN',
      '"moss" has no embedded sample',
      'data.edition: full',
    ));

  it('takes a file of your own in a format', () => {
    const file = folder.write('mine.json', '[]');
    const source = { path: file, format: 'alpaca', limit: 5, language: 'de' };
    expect(resolve(source)).to.deep.equal([{ name: file, ...source, index: 0 }]);
  });

  it('takes standard input and wild-cards, and finds the format of a file that names none', () => {
    const sources = resolve({ path: '-' }, { path: `${folder.path}/*.json` });
    expect(sources.map(({ path, format }) => [path, format])).to.deep.equal([
      ['-', 'auto'],
      [`${folder.path}/*.json`, 'auto'],
    ]);
  });

  it('takes a data set of a hub', () => {
    const [source] = resolve({
      hub: 'people/data',
      file: 'a.json',
      revision: 'v1',
      split: 'test',
      subset: 'en',
    });
    expect(source).to.deep.equal({
      name: 'people/data',
      format: 'auto',
      index: 0,
      hub: { name: 'people/data', revision: 'v1', split: 'test', subset: 'en', files: ['a.json'] },
    });
  });

  it('passes a name that it does not know on, for a plugin that brings its data', () => {
    const sources = resolveSources(dataOf({ sources: ['poems', 'songs'], edition: 'full' }));
    expect(sources).to.deep.equal([
      { name: 'poems', format: 'poems', index: 0 },
      { name: 'songs', format: 'songs', index: 1 },
    ]);
  });

  it('names all missing files at once', async () => {
    const [one, other] = [folder.join('one.json'), folder.join('other.json')];
    const error = await expectError(() => resolve({ path: one }, { path: other }, 'poems'), 'DATA_UNKNOWN');
    expect(error.message.split('\n')).to.deep.equal([
      `${one}: there is no such file`,
      `${other}: there is no such file`,
    ]);
    expect(error.at, 'the key at fault').to.deep.equal(['data', 'sources']);
  });

  it('tells of what is named twice that it is trained on twice', () => {
    const file = folder.write('twice.json', '[]');
    const told: string[] = [];
    const data = dataOf({
      sources: [{ path: file }, 'cot', { path: `${folder.path}/./twice.json` }, 'alpaca-cot'],
    });
    resolveSources(data, (message) => told.push(message));
    expect(told).to.deep.equal([
      `${file} is named 2 times as a source, and is trained on as often`,
      'cot is named 2 times as a source, and is trained on as often',
    ]);
  });

  for (const [what, source, told] of [
    ['no place', { format: 'alpaca' }, 'expected one of path, hub, datasetInfo, which say where the data is'],
    ['two places', { path: 'a', hub: 'b/c' }, 'expected one of path, hub, datasetInfo, but got path and hub'],
  ] as const)
    it(`refuses a source with ${what}`, () => expectError(() => resolve(source), 'CONFIG_INVALID', told));

  it('refuses what does not go together', async () => {
    const file = folder.write('a.json', '[]');
    await expectError(() => resolve({ path: file, subset: 'en' }), 'DATA_UNKNOWN', 'subset goes with hub');
    await expectError(() => resolve({ path: file, name: 'x' }), 'DATA_UNKNOWN', 'name goes with datasetInfo');
    await expectError(() => resolve({ hub: 'a/b', name: 'x' }), 'DATA_UNKNOWN', 'name goes with datasetInfo');
    await expectError(() => resolve({ datasetInfo: file }), 'DATA_UNKNOWN', 'needs the name');
    await expectError(
      () => resolve({ datasetInfo: file, name: 'x', format: 'alpaca' }),
      'DATA_UNKNOWN',
      'format does not go with datasetInfo',
    );
  });

  describe("in axolotl's words", () => {
    const file = () => folder.write('a.json', '[]');
    const reading = (source: object) => {
      const [{ format, columns, roles, files }] = resolve({ path: file(), ...source });
      return { format, columns, roles, files };
    };

    it('reads instructions by their fields', () => {
      const columns = { instruction: 'q', input: 'input', output: 'a', system: 'system' };
      expect(reading({ field_instruction: 'q', field_output: 'a' })).to.deep.include({
        format: 'instruct',
        columns,
      });
      expect(reading({ type: { field_instruction: 'q', field_output: 'a' } })).to.deep.include({ columns });
      expect(reading({ type: 'alpaca' })).to.deep.include({ format: 'alpaca', columns: undefined });
    });

    it('reads conversations by their fields, keys and roles', () => {
      expect(
        reading({
          type: 'chat_template',
          field_messages: 'talk',
          message_property_mappings: { role: 'who', content: 'said' },
          roles: { user: ['me', 'you'], assistant: ['it'] },
        }),
      ).to.deep.include({
        format: 'chat',
        columns: { messages: 'talk', tools: 'tools', role: 'who', content: 'said' },
        roles: { me: 'user', you: 'user', it: 'assistant' },
      });
    });

    it('reads texts, and files of a folder', () => {
      expect(reading({ type: 'completion', field: 'body' })).to.deep.include({
        format: 'text',
        columns: { text: 'body' },
      });
      file();
      const [{ files }] = resolve({ path: folder.path, data_files: ['a.json'] });
      expect(files).to.deep.equal([`${folder.path}/a.json`]);
    });

    it('refuses types that it does not read, and fields that do not go together', async () => {
      await expectError(
        () => reading({ type: 'metharme' }),
        'DATA_UNKNOWN',
        'type: metharme is none of the types',
      );
      await expectError(
        () => reading({ type: 'completion', field_messages: 'm' }),
        'DATA_UNKNOWN',
        'field_messages does not go with the format text',
      );
    });
  });
});
