import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { makeConfig, type RunConfig } from '../../../core/config/load.js';
import { readCatalogue, resolveSources } from '../../../core/data/catalogue.js';
import { expectError } from '../../support/errors.js';
import { ROOT, TemporaryFolder } from '../../support/files.js';

/** The names that a person can write under data.sources, with what their samples are made of. */
const NAMES: Record<string, string[]> = {
  alpaca: ['alpaca'],
  belle: ['belle'],
  cot: ['cot'],
  'alpaca-belle': ['alpaca', 'belle'],
  'alpaca-cot': ['alpaca', 'cot'],
  'alpaca-belle-cot': ['alpaca', 'belle', 'cot'],
  'belle1.5m': ['belle1.5m'],
};

function dataOf(data: object): RunConfig['data'] {
  return makeConfig({ model: { path: '.' }, data }).data;
}

describe('readCatalogue', () => {
  for (const [name, parts] of Object.entries(NAMES)) {
    it(`knows ${name}, its sample and its full edition`, () => {
      const catalogue = readCatalogue();
      const { sample, full, published, about } = catalogue[name];
      expect(typeof sample === 'string' ? [name] : sample).to.deep.equal(parts);
      for (const part of parts) expect(catalogue[part].sample).to.match(/^samples\/.+\.(json|jsonl|tsv)$/);
      expect(full).to.match(/\.json$/);
      expect(new URL(published).protocol).to.equal('https:');
      expect(about).to.not.be.empty;
    });
  }

  it('gives every name a full edition of its own', () => {
    const files = Object.values(readCatalogue()).map(({ full }) => full);
    expect(new Set(files).size).to.equal(files.length);
  });
});

describe('resolveSources', () => {
  const folder = new TemporaryFolder();
  after(() => folder.remove());

  it('names the file of a missing full edition, where it is published and where it goes', async () => {
    const catalogue = readCatalogue();
    // A person may have downloaded some; data/*.json is theirs.
    const missing = Object.keys(NAMES).filter(
      (name) => !existsSync(path.join(ROOT, 'data', catalogue[name].full)),
    );
    for (const name of missing) {
      const { full, published } = catalogue[name];
      await expectError(
        () => resolveSources(dataOf({ sources: [name], edition: 'full' })),
        'DATA_UNKNOWN',
        `full edition of "${name}"`,
        full,
        published,
        path.join(ROOT, 'data', full),
        'data.edition: sample',
      );
    }
  });

  it('takes a file of your own in a format', () => {
    const file = folder.write('mine.json', '[]');
    const sources = resolveSources(dataOf({ sources: [{ path: file, format: 'alpaca', limit: 5 }] }));
    expect(sources).to.deep.equal([{ name: file, path: file, format: 'alpaca', limit: 5, index: 0 }]);
  });

  it('takes standard input and wild-cards, and finds the format of a file that names none', () => {
    const sources = resolveSources(dataOf({ sources: [{ path: '-' }, { path: `${folder.path}/*.json` }] }));
    expect(sources.map(({ path, format }) => [path, format])).to.deep.equal([
      ['-', 'auto'],
      [`${folder.path}/*.json`, 'auto'],
    ]);
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
    const sources = [one, other].map((file) => ({ path: file, format: 'alpaca' }));
    const error = await expectError(
      () => resolveSources(dataOf({ sources: [...sources, 'poems'] })),
      'DATA_UNKNOWN',
    );
    expect(error.message.split('\n')).to.deep.equal([
      `${one}: there is no such file`,
      `${other}: there is no such file`,
    ]);
    expect(error.at, 'the key at fault').to.deep.equal(['data', 'sources']);
  });
});
