import { expect } from 'chai';
import { readDescription } from '../../../core/data/dataset-info.js';
import { expectError } from '../../support/errors.js';
import { TemporaryFolder } from '../../support/files.js';

describe('a description of a dataset_info.json', () => {
  const folder = new TemporaryFolder();
  after(() => folder.remove());

  const read = (description: object) =>
    readDescription(folder.write('dataset_info.json', JSON.stringify({ mine: description })), 'mine');
  const refused = (description: object, ...told: string[]) =>
    expectError(() => read(description), 'DATA_UNKNOWN', 'mine', ...told);

  it('has the columns of Alpaca, unless it names some: then no other is there', () => {
    folder.write('rows.json', '[]');
    const path = folder.join('rows.json');
    expect(read({ file_name: 'rows.json' }).source).to.deep.equal({
      format: 'dataset-info',
      path,
      columns: { prompt: 'instruction', query: 'input', response: 'output' },
    });
    const columns = { prompt: 'q', response: 'a', query: null };
    expect(read({ file_name: 'rows.json', columns }).source.columns).to.deep.equal({
      prompt: 'q',
      response: 'a',
    });
  });

  it('has the tags of ShareGPT, unless it names some', () => {
    const tags = { role_tag: 'role', content_tag: 'content', user_tag: 'user', assistant_tag: 'assistant' };
    const described = { hf_hub_url: 'a/b', formatting: 'sharegpt', columns: { messages: 'messages' } };
    expect(read(described).source.roles).to.deep.equal({
      human: 'user',
      gpt: 'assistant',
      observation: 'tool',
      function_call: 'calls',
      system: 'system',
    });
    const { columns, roles } = read({ ...described, tags }).source;
    expect(columns).to.deep.equal({ messages: 'messages', role: 'role', content: 'content' });
    expect(roles).to.deep.equal({ user: 'user', assistant: 'assistant' });
  });

  it('is on the hub in a subset, a folder and a split, or in part', () => {
    const described = { hf_hub_url: 'a/b', subset: 'en', folder: 'python', split: 'train[:7]' };
    const { hub, limit } = read(described).source;
    expect(hub).to.deep.equal({ name: 'a/b', subset: 'en', files: ['python'], split: 'train' });
    expect(limit).to.equal(7);
  });

  it('takes the first records for num_samples, and says so', () => {
    const { source, remark } = read({ hf_hub_url: 'a/b', num_samples: 3 });
    expect(source.limit).to.equal(3);
    expect(remark).to.include('mine: num_samples takes the first 3 records');
  });

  it('asks the hub before other places, as LLaMA-Factory does', () => {
    expect(read({ hf_hub_url: 'a/b', ms_hub_url: 'c/d', file_name: 'x.json' }).source.hub?.name).to.equal(
      'a/b',
    );
  });

  for (const [what, description, told] of [
    [
      'pictures',
      { hf_hub_url: 'a/b', formatting: 'sharegpt', columns: { messages: 'm', images: 'i', audios: 'a' } },
      'images and audios',
    ],
    ['KTO', { hf_hub_url: 'a/b', columns: { prompt: 'p', response: 'r', kto_tag: 'label' } }, 'kto_tag'],
    ['ModelScope', { ms_hub_url: 'a/b' }, 'on ModelScope alone'],
    ['a script', { script_url: 'x' }, 'script_url'],
    ['a cloud', { cloud_file_name: 's3://x' }, 'cloud_file_name'],
    ['no place', {}, 'neither file_name nor hf_hub_url'],
    ['a missing file', { file_name: 'nope.json' }, 'there is no file'],
    ['pairs without columns', { hf_hub_url: 'a/b', ranking: true }, 'no columns chosen and rejected'],
    [
      'messages without a column',
      { hf_hub_url: 'a/b', formatting: 'sharegpt', columns: { system: 's' } },
      'name no messages',
    ],
    [
      'tags without keys',
      { hf_hub_url: 'a/b', formatting: 'sharegpt', tags: { user_tag: 'u' } },
      'no role_tag and content_tag',
    ],
    ['another formatting', { hf_hub_url: 'a/b', formatting: 'openai' }, 'format: chat'],
    ['one that there is not', { hf_hub_url: 'a/b', formatting: 'chatml' }, 'formatting'],
    ['a slip of a key', { hf_hub_url: 'a/b', colums: {} }, 'unknown key "colums" (did you mean "columns"?)'],
    ['a slip of a column', { hf_hub_url: 'a/b', columns: { promt: 'x' } }, 'promt'],
    ['a part of a split', { hf_hub_url: 'a/b', split: 'train[10%:]' }, 'split: train[10%:]'],
  ] as const)
    it(`is refused in one line for ${what}`, async () => {
      folder.write('rows.json', '[]');
      const error = await refused(description, told);
      expect(error.message.split('\n')).to.have.lengthOf(1);
    });

  it('is missed by its name, with the nearest one', () =>
    expectError(
      () => readDescription(folder.write('dataset_info.json', '{"identity":{}}'), 'identiy'),
      'DATA_UNKNOWN',
      'identiy: there is no description of this name (did you mean "identity"?)',
    ));

  it('needs a file that is one', async () => {
    await expectError(() => readDescription(folder.write('x.json', '['), 'a'), 'DATA_FILE', 'x.json');
    await expectError(
      () => readDescription(folder.write('x.json', '[]'), 'a'),
      'DATA_FILE',
      'is no dataset_info.json',
    );
  });
});
