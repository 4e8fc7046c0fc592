/**
 * Hooks as a plugin sees them: it can tap them, not call them. Every tap gets the run's context as its last argument, and
 * a failure says which plugin failed in which hook.
 */

import { type Hook, SyncHook, SyncWaterfallHook } from 'tapable';
import { interruptionOf } from '../base/breath.js';
import { EvolveError, messageOf } from '../base/errors.js';
import type { HookContext } from '../contracts/context.js';
import type { Gradients } from '../contracts/optimizer.js';
import { checkGradients } from './check-gradients.js';
import type { HookName, Hooks } from './hooks.js';

type HookArguments<H> = H extends Hook<infer A, infer _R, infer _O> ? (A extends unknown[] ? A : [A]) : never;
type HookResult<H> = H extends Hook<infer _A, infer R, infer _O> ? R : never;

/** undefined passes to the next tap; synchronous hooks take no promise. */
type TapResult<H> =
  | MaybeNothing<HookResult<H>>
  | (H extends { tapPromise: unknown } ? Promise<MaybeNothing<HookResult<H>>> : never);

// biome-ignore lint/suspicious/noConfusingVoidType: a tap without a return statement must be assignable.
type MaybeNothing<T> = T | undefined | void;

/** A hook as plugins see it: they can tap it, not call it. Taps run by `stage` (0 if none is given), then by order. */
export interface TapOnly<H> {
  tap(
    fn: (...args: [...HookArguments<H>, HookContext]) => TapResult<H>,
    options?: { stage?: number; before?: string },
  ): void;
}

export type HooksView = { readonly [N in HookName]: TapOnly<Hooks[N]> };

/**
 * The tap-only view of `hooks` for the plugin named `plugin`. A failing tap is reported with the names of plugin and hook,
 * and its cause. Tapping after `isSealed()` is refused. Taps of `log` are called in the process of rank 0 alone.
 */
export function viewFor(
  hooks: Hooks,
  plugin: string,
  isSealed: () => boolean,
  context: HookContext,
): HooksView {
  const views = Object.entries(hooks).map(([name, hook]) => {
    const tap = (fn: AnyFunction, options: { stage?: number; before?: string } = {}) => {
      if (isSealed()) {
        const message = `plugin "${plugin}" taps the hook "${name}" after the run has been assembled`;
        throw new EvolveError('PLUGIN_INVALID', message, 'Tap hooks only within apply().');
      }
      const whole = name === 'log' ? forgiving(plugin, fn, hooks) : fn;
      const called = completed(name as HookName, whole, context);
      tapNamed(hook as AnyHook, plugin, called, options, context.signal);
    };
    return [name, Object.freeze({ tap })];
  });
  return Object.freeze(Object.fromEntries(views)) as HooksView;
}

type AnyFunction = (...args: unknown[]) => unknown;

/** `fn`, called with the context behind its arguments, and with what the hook demands of all its taps. */
function completed(hook: HookName, fn: AnyFunction, context: HookContext): AnyFunction {
  if (hook === 'log') return (...args) => (context.world.rank === 0 ? fn(...args, context) : undefined);
  if (hook !== 'gradients') return (...args) => fn(...args, context);
  return async (given) => {
    const returned = await fn(given, context);
    return returned === undefined ? undefined : checkGradients(given as Gradients, returned);
  };
}

/**
 * The tap of a tracker. What the system refuses it, such as room on the disk, ends no training: it is told once. A tap of
 * `log` may be called again within itself.
 */
function forgiving(plugin: string, fn: AnyFunction, hooks: Pick<Hooks, 'log'>): AnyFunction {
  let isTold = false;
  return (...args) => {
    try {
      return fn(...args);
    } catch (error) {
      if (!(error instanceof Error && 'errno' in error)) throw error;
      if (isTold) return undefined;
      isTold = true;
      const message = `the plugin "${plugin}" cannot write, and the run goes on without: ${error.message}`;
      hooks.log.call({ type: 'notice', message });
      return undefined;
    }
  };
}

/** tapable gives synchronous hooks a tapPromise too, one that throws. */
function isAsync(hook: AnyHook): hook is AnyHook & AsyncTap {
  return hook.constructor !== SyncHook && hook.constructor !== SyncWaterfallHook;
}

type AnyHook = Hook<unknown, unknown>;
interface AsyncTap {
  tapPromise(options: { name: string }, fn: (...args: unknown[]) => Promise<unknown>): void;
}

function tapNamed(
  hook: AnyHook,
  plugin: string,
  fn: AnyFunction,
  options: { stage?: number; before?: string },
  signal: AbortSignal,
): void {
  const failed = (cause: unknown) =>
    cause instanceof EvolveError
      ? cause
      : new EvolveError(
          'PLUGIN_FAILED',
          `plugin "${plugin}" failed in the hook "${hook.name}": ${messageOf(cause)}`,
          'Run again with EVOLVE_DEBUG=1 for the stack trace; it names the line.',
          { cause },
        );
  if (isAsync(hook)) {
    hook.tapPromise({ name: plugin, ...options }, async (...args: unknown[]) => {
      try {
        return await unlessForever(fn(...args), signal);
      } catch (cause) {
        throw failed(cause);
      }
    });
    return;
  }
  hook.tap({ name: plugin, ...options }, (...args: unknown[]) => {
    let result: unknown;
    try {
      result = fn(...args);
    } catch (cause) {
      throw failed(cause);
    }
    if (result instanceof Promise) {
      result.catch(() => {});
      throw failed(new TypeError('this hook is synchronous, but the tap returned a promise'));
    }
    return result;
  });
}

/** Ends the taps that are being waited for. */
const waiting = new Set<() => void>();
process.on('beforeExit', () => {
  for (const giveUp of waiting) giveUp();
});

/**
 * What a tap promised. It fails where the process has nothing left to do that could bring it: without this, Node.js would end
 * with nothing saved. Where an error that nobody caught is the reason, it is that error.
 */
async function unlessForever(promised: unknown, signal: AbortSignal): Promise<unknown> {
  if (!(promised instanceof Promise)) return promised;
  let giveUp = () => {};
  const forever = new Promise<never>((_, reject) => {
    giveUp = () =>
      reject(signal.aborted ? interruptionOf(signal) : new Error('it waits for something that never comes'));
  });
  waiting.add(giveUp);
  try {
    return await Promise.race([promised, forever]);
  } finally {
    waiting.delete(giveUp);
  }
}
