/**
 * What a plugin of any family must do:
 *
 *     describePlugin('metrics', 'perplexity');
 *     describePlugin('metrics', 'my-exact-match', { plugins: [fixture('plugins', 'exact-match.ts')] });
 */

import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { z } from 'zod';
import { createHooks, type HookName } from '../../core/plugins/hooks.js';
import { API_VERSION, type Family, type Plugin } from '../../core/plugins/plugin.js';
import { type Choice, choose, loadPlugin } from '../support/choice.js';
import { compose } from '../support/compose.js';
import { expectError } from '../support/errors.js';
import { withoutFiles } from '../support/no-files.js';
import { applyAlone } from '../support/plugins.js';

/** What the plugins of a family are for. */
const HOOKS: Readonly<Record<Family, readonly HookName[]>> = {
  backbones: ['loadEncoder', 'loadModel'],
  checkpoints: ['openCheckpoint', 'writeCheckpoint'],
  datasets: ['loadData'],
  devices: ['openDevice'],
  hubs: ['locateModel', 'locateData'],
  templates: ['makeTemplate'],
  quantizers: ['quantize'],
  adapters: ['injectAdapters', 'save'],
  objectives: ['makeObjective'],
  optimizers: ['makeOptimizer'],
  schedules: ['makeSchedule'],
  metrics: ['evaluate', 'evaluateBase'],
  worlds: ['openWorld'],
  trackers: ['log', 'done'],
};

/** What a plugin of any family may tap besides: it learns how the run goes, keeps its state, and ends what it began. */
const OF_ALL: readonly HookName[] = ['step', 'saveState', 'restoreState', 'done'];

/**
 * @param family none for a plugin of several
 * @param choice with those options that the plugin does not do without
 */
export function describePlugin(family: Family | undefined, name: string, choice: Choice = {}): void {
  const own: readonly HookName[] = family ? HOOKS[family] : (Object.keys(createHooks()) as HookName[]);

  describe(`${name}, as a plugin of ${family ? `the family ${family}` : 'no family'}`, () => {
    let plugin: Plugin;
    before(async () => {
      plugin = await loadPlugin(family, name, choice);
    });
    const apply = () => applyAlone(plugin, choice);
    const tapped = () =>
      Object.entries(apply().hooks).flatMap(([hook, { taps }]) => taps.map(() => hook as HookName));

    it('tells its name, its family and the API version', () => {
      expect(plugin).to.include({ name, apiVersion: API_VERSION });
      expect(plugin.family).to.equal(family);
    });

    it('refuses options that it does not know, with the nearest that it knows', async () => {
      const refused = (key: string, told: string) => {
        const values = choose(family, name, { ...choice, options: { ...choice.options, [key]: 1 } });
        return expectError(() => compose(values), 'PLUGIN_INVALID', `${key}"`, told);
      };
      const keys = keysOf(plugin);
      for (const key of keys) await refused(`${key}x`, `did you mean "${key}"`);
      await refused('unheardOf', keys.length > 0 ? 'unknown key' : 'takes no options');
    });

    it('taps hooks that its family is for, and no others', () => {
      expect(tapped()).to.include.oneOf([...own]);
      for (const hook of tapped()) expect(hook).to.be.oneOf([...own, ...OF_ALL]);
    });

    it('can be applied again, to other hooks', () => {
      expect(tapped()).to.deep.equal(tapped());
    });

    it('does no work in apply: it opens no file, makes no tensor, starts nothing and says nothing', async () => {
      const worldOf = () => [
        tf.getBackend(),
        tf.memory().numTensors,
        process.getActiveResourcesInfo().sort(),
      ];
      const before = worldOf();
      const { asked, returned } = withoutFiles(apply);
      expect(returned, 'apply is synchronous').to.equal(undefined);
      expect(asked).to.deep.equal([]);
      expect(worldOf()).to.deep.equal(before);
    });
  });
}

/** The options that a plugin has. */
function keysOf({ schema }: Plugin): string[] {
  if (!schema) return [];
  const { properties } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return Object.keys(properties ?? {});
}
