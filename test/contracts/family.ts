/**
 * Who is held to the contract of a family: all of its built-in plugins, and a third party's by its file.
 *
 *     describeFamily('metrics', describeMetric, [
 *       ['perplexity', { measures: … }],
 *       ['my-exact-match', { measures: … }, 'exact-match.ts'],
 *     ]);
 */

import { expect } from 'chai';
import { builtInPlugins } from '../../core/plugins/load.js';
import type { Family } from '../../core/plugins/plugin.js';
import { fixture } from '../support/files.js';
import { describePlugin } from './plugin.js';

/** The contract of a family. `plugins` are the files of third parties. */
type Suite<F> = (name: string, fixture: F, third: { readonly plugins: readonly string[] }) => void;

/** A plugin's name, what its suite must know of it, and where it is a third party's its file in test/fixtures/plugins. */
type Case<F> = readonly [name: string, fixture: F, file?: string];

export function describeFamily<F extends object>(
  family: Family,
  suite: Suite<F>,
  cases: readonly Case<NoInfer<F>>[],
): void {
  describe(`the family ${family}`, () => {
    it('has its contract held by every built-in plugin, and by a third party’s', async () => {
      const [ours, theirs] = [false, true].map((third) =>
        cases.filter(([, , file]) => third === (file !== undefined)).map(([name]) => name),
      );
      const builtIn = (await builtInPlugins()).filter((plugin) => plugin.family === family);
      expect([...new Set(ours)].sort()).to.deep.equal(builtIn.map(({ name }) => name).sort());
      expect(theirs).to.not.be.empty;
    });

    const described = new Set<string>();
    for (const [name, given, file] of cases) {
      const plugins = file === undefined ? [] : [fixture('plugins', file)];
      const { options } = given as { options?: object };
      if (!described.has(name)) describePlugin(family, name, { options, plugins });
      described.add(name);
      suite(name, given, { plugins });
    }
  });
}
