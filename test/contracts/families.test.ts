import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { FAMILIES } from '../../core/plugins/plugin.js';
import { ROOT } from '../support/files.js';

describe('the contracts', () => {
  for (const family of Object.keys(FAMILIES)) {
    it(`of the family ${family} has a suite of its own, through which all of its plugins go`, () => {
      const suite = family.slice(0, -1);
      expect(existsSync(path.join(ROOT, 'test', 'contracts', `${suite}.ts`)), suite).to.equal(true);
      // describeFamily holds that no plugin is left out.
      const test = readFileSync(path.join(ROOT, 'test', 'plugins', `${family}.test.ts`), 'utf8');
      expect(test).to.match(new RegExp(`^describeFamily\\('${family}', describe\\w+, \\[$`, 'm'));
      expect(test).to.include(`from '../contracts/${suite}.js'`);
    });
  }
});
