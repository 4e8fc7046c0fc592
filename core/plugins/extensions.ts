/**
 * Values that plugins provide to each other; the core does not know what they are. The plugin that uses them declares a
 * point. Others provide values to that point in `apply`. In its taps the first plugin gets them all.
 *
 *     export const DIALECTS = extensionPoint<Dialect>('speech dialects');
 *     trainer.provide(DIALECTS, bavarian, swiss);   // one plugin, in apply
 *     trainer.provided(DIALECTS);                   // another, in a tap
 */

import { EvolveError } from '../base/errors.js';

declare const VALUE: unique symbol;

/** A place for values of type T. Points of the same name are the same place. */
export interface ExtensionPoint<T> {
  readonly name: string;
  /** For the compiler alone. */
  readonly [VALUE]?: T;
}

/** Declares a point to which plugins may provide values of type T. */
export function extensionPoint<T>(name: string): ExtensionPoint<T> {
  return Object.freeze({ name });
}

/** The part of a plugin's view by which it gives values to others and gets theirs. */
export interface ExtensionsView {
  /**
   * Offers values to the plugins that ask for them.
   *
   * @throws EvolveError PLUGIN_INVALID after `apply`
   */
  provide<T>(point: ExtensionPoint<T>, ...values: readonly NoInfer<T>[]): void;
  /**
   * What all plugins have provided, in the order in which they were applied: a third party's come first.
   *
   * @throws EvolveError PLUGIN_INVALID before all plugins have been applied
   */
  provided<T>(point: ExtensionPoint<T>): readonly T[];
}

/** What the plugins of one run have provided. */
export class Extensions {
  readonly #values = new Map<string, unknown[]>();

  /** What the plugin named `plugin` sees; `isSealed` says whether all plugins have been applied. */
  viewFor(plugin: string, isSealed: () => boolean): ExtensionsView {
    return {
      provide: (point, ...values) => {
        if (isSealed()) {
          const message = `plugin "${plugin}" provides "${point.name}" after the run has been assembled`;
          throw new EvolveError('PLUGIN_INVALID', message, 'Call trainer.provide only within apply().');
        }
        this.#values.set(point.name, [...(this.#values.get(point.name) ?? []), ...values]);
      },
      provided: <T>(point: ExtensionPoint<T>) => {
        if (!isSealed()) {
          const message = `plugin "${plugin}" asks for "${point.name}" before all plugins have been applied`;
          throw new EvolveError('PLUGIN_INVALID', message, 'Call trainer.provided only within taps.');
        }
        return (this.#values.get(point.name) ?? []) as readonly T[];
      },
    };
  }
}
