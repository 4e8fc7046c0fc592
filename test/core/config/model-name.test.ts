import { homedir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { parseModelName, resolveModel } from '../../../core/config/model-name.js';
import { TemporaryFolder } from '../../support/files.js';

describe('parseModelName', () => {
  const names: [string, ReturnType<typeof parseModelName>][] = [
    ['huggyllama/llama-7b', { repository: 'huggyllama/llama-7b' }],
    ['THUDM/chatglm2-6b', { repository: 'THUDM/chatglm2-6b' }],
    ['a/b.c_d-e', { repository: 'a/b.c_d-e' }],
    ['a/b@main', { repository: 'a/b', revision: 'main' }],
    ['a/b@refs/pr/3', { repository: 'a/b', revision: 'refs/pr/3' }],
    ['a/b/m-q4_0.gguf', { repository: 'a/b', file: 'm-q4_0.gguf' }],
    [
      'a/b/BF16/m-00001-of-00002.gguf@v1.0',
      { repository: 'a/b', file: 'BF16/m-00001-of-00002.gguf', revision: 'v1.0' },
    ],
  ];
  for (const [text, parts] of names) {
    it(`takes ${text} apart`, () => {
      expect(parseModelName(text)).to.deep.equal(parts);
    });
  }

  const paths = [
    'gpt2',
    './a/b',
    '../a',
    '/a/b',
    '~/a',
    'a/b/c',
    'a/b/m.safetensors',
    'a/..',
    'a/b@',
    'a/b@x/../y',
  ];
  for (const text of [...paths, 'C:\\models\\a', 'a--b/c', 'a/b--c', 'a/b c', '']) {
    it(`takes "${text}" for a path`, () => {
      expect(parseModelName(text)).to.equal(undefined);
    });
  }
});

describe('resolveModel', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  it('keeps a name, unless such a folder is there', () => {
    expect(resolveModel(folder.path, 'owner/name@main')).to.equal('owner/name@main');
    expect(resolveModel(folder.path, 'owner/name')).to.equal('owner/name');
    folder.write('owner/name/config.json', '{}');
    expect(resolveModel(folder.path, 'owner/name')).to.equal(folder.join('owner', 'name'));
  });

  it('counts paths from the folder, and those with a tilde from home', () => {
    expect(resolveModel(folder.path, './owner/name')).to.equal(folder.join('owner', 'name'));
    expect(resolveModel(folder.path, 'models')).to.equal(folder.join('models'));
    expect(resolveModel(folder.path, '/models/a')).to.equal(path.resolve('/models/a'));
    expect(resolveModel(folder.path, '~/models/a')).to.equal(path.join(homedir(), 'models', 'a'));
  });
});
