/**
 * Hooks as a plugin sees them: it can tap them, not call them. Every tap gets the run's context as its last argument, and
 * a failure says which plugin failed in which hook.
 */

import { type Hook, SyncHook, SyncWaterfallHook } from 'tapable';
import { EvolveError } from '../base/errors.js';
import { suggest } from '../base/suggest.js';
import type { tf } from '../base/tf.js';
import type { HookContext } from '../contracts/context.js';
import type { Gradients } from '../contracts/optimizer.js';
import { checkGradients } from './check-gradients.js';
import { show } from './checks.js';
import { unlessForever } from './forever.js';
import { freedIn } from './freed.js';
import { checked, failed, type Origin } from './guard.js';
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
 * The tap-only view of `hooks` for the plugin named `plugin`. What a tap returns is checked. A failing tap is reported with
 * the names of plugin and hook, and its cause. Tapping after `isSealed()` is refused. Taps of `log` are called in the process
 * of rank 0 alone.
 *
 * @param trained the variables that are trained, which no tap may dispose
 */
export function viewFor(
  hooks: Hooks,
  plugin: string,
  isSealed: () => boolean,
  context: HookContext,
  trained: () => Variables = () => new Map(),
): HooksView {
  const views = Object.entries(hooks).map(([name, hook]) => {
    const tap = (fn: AnyFunction, options: TapOptions = {}) => {
      if (isSealed()) {
        const message = `plugin "${plugin}" taps the hook "${name}" after the run has been assembled`;
        throw new EvolveError('PLUGIN_INVALID', message, 'Tap hooks only within apply().');
      }
      checkTap(`plugin "${plugin}" taps the hook "${name}"`, fn, options);
      const whole = name === 'log' ? forgiving(plugin, fn, hooks) : fn;
      const called = completed(name as HookName, whole, context, trained);
      tapNamed(hook as AnyHook, { plugin, hook: name }, called, options, context.signal);
    };
    return [name, Object.freeze({ tap })];
  });
  return new Proxy(Object.freeze(Object.fromEntries(views)) as HooksView, {
    get(view, key) {
      if (typeof key === 'symbol' || key in view || PROBED.includes(key)) return Reflect.get(view, key);
      const message = `plugin "${plugin}" taps the hook "${key}", which there is not${suggest(key, Object.keys(hooks))}`;
      throw new EvolveError('PLUGIN_INVALID', message, `The hooks are: ${Object.keys(hooks).join(', ')}.`);
    },
  });
}

/** What Node and others look for in any object. */
const PROBED: readonly string[] = ['then', 'toJSON'];

type Variables = ReadonlyMap<string, tf.Variable>;
type AnyFunction = (...args: unknown[]) => unknown;

interface TapOptions {
  readonly stage?: number | undefined;
  readonly before?: string | undefined;
}

/** What was passed to `tap`. Types hold for TypeScript alone. */
function checkTap(what: string, fn: unknown, options: unknown): void {
  const fail = (message: string): never => {
    throw new EvolveError(
      'PLUGIN_INVALID',
      `${what} ${message}`,
      'Write tap(fn) or tap(fn, { stage, before }).',
    );
  };
  if (typeof fn !== 'function') fail(`with ${show(fn)} in the place of the function`);
  if (typeof options !== 'object' || options === null)
    fail(`with ${show(options)} in the place of { stage, before }`);
  for (const [key, value] of Object.entries(options as object)) {
    if (key !== 'stage' && key !== 'before') fail(`with the unknown option "${key}"`);
    const type = key === 'stage' ? 'number' : 'string';
    if (value !== undefined && typeof value !== type)
      fail(`with ${key}: ${show(value)}, which is no ${type}`);
  }
}

/** `fn`, called with the context behind its arguments, and with what the hook demands of all its taps. */
function completed(
  hook: HookName,
  fn: AnyFunction,
  context: HookContext,
  trained: () => Variables,
): AnyFunction {
  const checkTrained = () => {
    const freed = freedIn(trained());
    if (freed !== undefined) throw new TypeError(`it disposed the trained variable ${freed}`);
  };
  if (hook === 'log')
    return (...args) => {
      if (context.world.rank !== 0) return undefined;
      const returned = fn(...args, context);
      checkTrained();
      return returned;
    };
  if (hook === 'loss')
    return (loss, ...args) => {
      const returned = fn(loss, ...args, context);
      if (returned === undefined && (loss as tf.Tensor).isDisposed)
        throw new TypeError('it disposed the loss that it was given, and returned no other');
      checkTrained();
      return returned;
    };
  if (hook === 'gradients')
    return async (given) => {
      // A copy, which a tap may also change in place.
      const handed = new Map(given as Gradients);
      const gradients = checkGradients(given as Gradients, (await fn(handed, context)) ?? handed);
      checkTrained();
      return gradients;
    };
  if (hook === 'step' || hook === 'evaluateBase' || hook === 'evaluate' || hook === 'save')
    return async (...args) => {
      const returned = await fn(...args, context);
      checkTrained();
      return returned;
    };
  return (...args) => fn(...args, context);
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
  origin: Origin,
  fn: AnyFunction,
  options: TapOptions,
  signal: AbortSignal,
): void {
  const named = { name: origin.plugin, ...options };
  if (isAsync(hook)) {
    hook.tapPromise(named, async (...args: unknown[]) => {
      try {
        return checked(await unlessForever(fn(...args), signal), origin, signal);
      } catch (cause) {
        throw failed(origin, cause);
      }
    });
    return;
  }
  hook.tap(named, (...args: unknown[]) => {
    try {
      const result = fn(...args);
      if (!(result instanceof Promise)) return checked(result, origin, signal);
      result.catch(() => {});
      throw new TypeError('this hook is synchronous, but the tap returned a promise');
    } catch (cause) {
      throw failed(origin, cause);
    }
  });
}
