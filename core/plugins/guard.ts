/**
 * What a plugin hands over is used long after its tap returned: an optimizer in each step, a checkpoint while a model is read.
 * Guarded, a throw in one of its methods names the plugin, and so does a result of another shape than the caller counts on.
 */

import { EvolveError, messageOf } from '../base/errors.js';
import type { Check } from './checks.js';
import { unlessForever } from './forever.js';
import { ADAPTER_RESULTS, ANSWERS, example, RESULTS } from './shapes.js';

/** The plugin and the hook that a value came from. */
export interface Origin {
  readonly plugin: string;
  readonly hook: string;
}

/** What a tap failed with, as the person is told it. `within` names the method that failed. */
export function failed({ plugin, hook }: Origin, cause: unknown, within = ''): EvolveError {
  if (cause instanceof EvolveError) return cause;
  const where = within && `, in ${within}() of what it gave`;
  return new EvolveError(
    'PLUGIN_FAILED',
    `plugin "${plugin}" failed in the hook "${hook}"${where}: ${messageOf(cause)}`,
    'Run again with EVOLVE_DEBUG=1 for the stack trace; it names the line.',
    { cause },
  );
}

/**
 * What a tap of `origin.hook` returned, checked and guarded.
 *
 * @param signal of the run: why what its methods promise may never come
 * @throws TypeError that says what is wrong with it
 */
export function checked(returned: unknown, origin: Origin, signal: AbortSignal): unknown {
  const { hook } = origin;
  const check = ANSWERS[hook];
  if (returned === undefined || !check) return returned;
  const fault = check(returned);
  if (fault) throw new TypeError(fault);
  if (hook === 'loadData') return guardedExamples(returned as AsyncIterable<unknown>, origin);
  if (hook === 'injectAdapters') guardAdapters(returned as Layers, origin, signal);
  const results = RESULTS[hook];
  return results ? guarded(returned as object, origin, results, signal) : returned;
}

/** Those that are guarded already, by whoever handed them over first. */
const GUARDS = new WeakSet<object>();

function guarded<T extends object>(
  target: T,
  origin: Origin,
  results: Readonly<Record<string, Check>>,
  signal: AbortSignal,
): T {
  if (GUARDS.has(target)) return target;
  const methods = new Map<PropertyKey, { own: unknown; guard: unknown }>();
  const guard = new Proxy(target, {
    get(_, key) {
      // Of the object itself: its private fields are not those of the proxy.
      const own: unknown = Reflect.get(target, key, target);
      if (typeof own !== 'function' || key === 'constructor' || isFixed(target, key)) return own;
      let method = methods.get(key);
      if (method?.own !== own) {
        method = {
          own,
          guard: guardedMethod(target, own as Method, origin, String(key), results[String(key)], signal),
        };
        methods.set(key, method);
      }
      return method.guard;
    },
    set: (_, key, value) => Reflect.set(target, key, value, target),
  });
  GUARDS.add(guard);
  return guard;
}

type Method = (...args: unknown[]) => unknown;

function guardedMethod(
  target: object,
  method: Method,
  origin: Origin,
  name: string,
  check: Check | undefined,
  signal: AbortSignal,
): Method {
  const take = (result: unknown): unknown => {
    const fault = check?.(result);
    if (fault) throw new TypeError(fault);
    return result;
  };
  const fail = (cause: unknown): never => {
    throw failed(origin, cause, name);
  };
  return (...args) => {
    try {
      const result = method.apply(target, args);
      if (!(result instanceof Promise)) return take(result);
      if (!check || check.promised) return unlessForever(result, signal).then(take).catch(fail);
      // Refused now; how it ends is of no interest.
      result.catch(() => {});
      return take(result);
    } catch (cause) {
      return fail(cause);
    }
  };
}

/** Of a frozen object a proxy must show what is there. */
function isFixed(target: object, key: PropertyKey): boolean {
  const own = Reflect.getOwnPropertyDescriptor(target, key);
  return own !== undefined && !own.configurable && !own.writable;
}

interface Layers {
  readonly linears: readonly { adapter?: object }[];
  readonly embeddings: readonly { adapter?: object }[];
}

function guardAdapters({ linears, embeddings }: Layers, origin: Origin, signal: AbortSignal): void {
  for (const site of [...linears, ...embeddings])
    if (site.adapter) site.adapter = guarded(site.adapter, origin, ADAPTER_RESULTS, signal);
}

async function* guardedExamples(examples: AsyncIterable<unknown>, origin: Origin): AsyncGenerator<unknown> {
  let count = 0;
  try {
    for await (const each of examples) {
      count++;
      const fault = example(each);
      if (fault) throw new TypeError(`example ${count}: ${fault}`);
      yield each;
    }
  } catch (cause) {
    throw failed(origin, cause);
  }
}
