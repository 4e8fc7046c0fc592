import { EvolveError, messageOf } from '../base/errors.js';
import type { Plugin, TrainerView } from './plugin.js';

/** Calls a plugin's `apply`; what it throws is told with the plugin's name. */
export function applyPlugin(plugin: Plugin, trainer: TrainerView, options: unknown): void {
  try {
    const returned: unknown = plugin.apply(trainer, options);
    if (returned instanceof Promise) {
      // What it taps later is refused; the person must know why.
      returned.catch(() => {});
      throw new TypeError('it returned a promise, but must have tapped all its hooks when it returns');
    }
  } catch (cause) {
    if (cause instanceof EvolveError) throw cause;
    const message = `plugin "${plugin.name}" failed in apply(): ${messageOf(cause)}`;
    const advice = 'Run again with EVOLVE_DEBUG=1 for the stack trace.';
    throw new EvolveError('PLUGIN_INVALID', message, advice, { cause });
  }
}
