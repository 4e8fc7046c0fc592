import { existsSync, readdirSync } from 'node:fs';
import { expect } from 'chai';
import { embedded, readCatalogue } from '../../../core/data/catalogue.js';

/** The names that Alpaca-CoT's commands take, with what the combined ones are made of. */
const OF_THE_ORIGINAL: Record<string, string[]> = {
  alpaca: [],
  belle: [],
  cot: [],
  'belle1.5m': [],
  finance: [],
  multiturn_chat: [],
  CoT_Chinese_data: [],
  'alpaca-belle': ['alpaca', 'belle'],
  'alpaca-cot': ['alpaca', 'cot'],
  'alpaca-belle-cot': ['alpaca', 'belle', 'cot'],
};

describe('the catalogue', () => {
  const catalogue = readCatalogue();
  const singles = Object.entries(catalogue).flatMap(([name, entry]) =>
    'parts' in entry ? [] : [{ name, ...entry }],
  );

  it('has a file for each name, those of the original among them', () => {
    expect(Object.keys(catalogue)).to.have.lengthOf(readdirSync(embedded('catalogue')).length);
    for (const [name, parts] of Object.entries(OF_THE_ORIGINAL)) {
      expect(Object.keys(catalogue)).to.include(name);
      const entry = catalogue[name];
      expect('parts' in entry ? entry.parts : []).to.deep.equal(parts);
    }
  });

  it('says of each where it is published, and of which format it is', () => {
    const formats = readdirSync(new URL('../../../../plugins/datasets/', import.meta.url));
    for (const { name, format, source, about } of singles) {
      expect(formats, name).to.include(format);
      expect(source.hub, name).to.match(/^[\w-]+\/[\w.-]+$/);
      expect(about, name).to.not.be.empty;
    }
  });

  it('has no two with the same files, and samples that are there', () => {
    const places = singles.map(({ source: { hub, files } }) => JSON.stringify([hub, files]));
    expect(new Set(places).size).to.equal(places.length);
    for (const { name, sample } of singles)
      if (sample !== undefined) expect(existsSync(embedded(sample)), name).to.equal(true);
  });
});
