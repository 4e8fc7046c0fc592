/**
 * What a plugin is. It has a name, an optional schema for its options, and `apply`, which taps hooks.
 *
 *     export default definePlugin({
 *       name: 'my-data',
 *       apiVersion: 2,
 *       apply(trainer) {
 *         trainer.hooks.loadData.tap((source) => (source.format === 'mine' ? read(source.path) : undefined));
 *       },
 *     });
 */

import type { z } from 'zod';
import type { RandomStreams } from '../base/random.js';
import type { AssemblyConfig, RunConfig } from '../config/load.js';
import type { InstallRequest } from '../contracts/device.js';
import type { ExtensionsView } from './extensions.js';
import type { HooksView } from './hooks-view.js';

/** The version of what `core/index.ts` exports and of the hooks' arguments. */
export const API_VERSION = 2;

/**
 * The folders below plugins/, and when a run takes their plugins. `asked`: always; the plugin that recognises its work
 * answers. `chosen`: when the configuration names it. `listening`: when the command uses it, or the configuration names it.
 */
export const FAMILIES = {
  backbones: 'asked',
  checkpoints: 'asked',
  datasets: 'asked',
  devices: 'asked',
  hubs: 'asked',
  templates: 'chosen',
  quantizers: 'chosen',
  adapters: 'chosen',
  objectives: 'chosen',
  optimizers: 'chosen',
  schedules: 'chosen',
  metrics: 'chosen',
  worlds: 'chosen',
  trackers: 'listening',
} as const;

export type Family = keyof typeof FAMILIES;

/** Whether a plugin is taken only if a key of the configuration names it. */
export function isChosen({ family }: Pick<Plugin, 'family'>): boolean {
  return family !== undefined && FAMILIES[family] === 'chosen';
}

/** What one plugin of a family is called. */
export const SINGULAR: Readonly<Record<Family, string>> = {
  backbones: 'backbone',
  checkpoints: 'checkpoint format',
  datasets: 'data format',
  devices: 'device',
  hubs: 'hub',
  templates: 'template',
  quantizers: 'quantizer',
  adapters: 'adapter',
  objectives: 'objective',
  optimizers: 'optimizer',
  schedules: 'scheduler',
  metrics: 'metric',
  worlds: 'world',
  trackers: 'tracker',
};

/** What a plugin may ask of the run while it goes on. */
export interface RunControl {
  /**
   * Ends the run after the step at hand: what was learned is evaluated and saved (unless a save is kept), and the run's status
   * is `stopped`. The first reason counts.
   */
  stop(reason: string): void;
  /**
   * Has the adapter, or the model, saved after the step at hand, even if no save is due. With `keep` the run leaves this one:
   * only a save that a plugin asks for replaces it, none that is due, nor that of the end, however the run ends.
   */
  requestSave(options?: { readonly keep?: boolean }): void;
  /** Has the held-out rows evaluated after the step at hand, even if no evaluation is due. */
  requestEvaluate(): void;
}

/** What a plugin works on: the run that it is applied to. */
export interface TrainerView extends RunControl, ExtensionsView {
  readonly hooks: HooksView;
  /** The configuration of the model, validated and frozen. */
  readonly config: AssemblyConfig;
  /** The configuration of the whole run; undefined if the command trains nothing. */
  readonly run: RunConfig | undefined;
  readonly random: RandomStreams;
  /** Tells the person one line. */
  notice(message: string): void;
}

/** What a plugin's file exports by default; see plugins/README.md. */
export interface Plugin<Options = unknown> {
  readonly name: string;
  /** The API_VERSION that it was written for. */
  readonly apiVersion: number;
  /** The family in which the configuration finds it; a plugin of several families names none. */
  readonly family?: Family | undefined;
  /** The options that it takes. Unknown keys are refused. Without a schema it takes none. */
  readonly schema?: z.ZodType<Options> | undefined;
  apply(trainer: TrainerView, options: Options): void;
  /**
   * Of a built-in device that needs what the package does not bring: makes it ready on this machine, for
   * `evolve device install NAME`.
   *
   * @returns what was installed, for the person
   * @throws EvolveError DEVICE_INSTALL
   */
  install?(request: InstallRequest): Promise<string>;
}

/** Types a plugin: `options` in `apply` is what `schema` yields. */
export function definePlugin<Options = Record<never, never>>(plugin: Plugin<Options>): Plugin<Options> {
  return Object.freeze(plugin);
}
