import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import { isLeftOut, packages } from './pack.js';

const { resolve } = createRequire(import.meta.url);

describe('what travels to a machine with a card', () => {
  it('has the file by which each package begins', () => {
    const mains = [...packages()].flatMap((name) => {
      try {
        return [resolve(name)];
      } catch {
        // It has types alone, or none but named parts.
        return [];
      }
    });
    expect(mains).to.include(resolve('mocha'));
    expect(mains.filter((file) => existsSync(file) && isLeftOut(file))).to.deep.equal([]);
  });
});
