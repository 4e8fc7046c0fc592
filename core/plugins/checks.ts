/** How a value is checked that a plugin hands over: what it must be, and what is told of one that is not. */

import { tf } from '../base/tf.js';

/** What is wrong with a value; undefined if nothing is. */
export interface Check {
  (value: unknown): string | undefined;
  /** The value may come later, as a promise. */
  readonly promised?: boolean;
}

export type Parts = Readonly<Record<string, Check>>;

/** Where one value is checked, and in a list each. */
export const is =
  (what: string, test: (value: unknown) => boolean): Check =>
  (value) =>
    test(value) ? undefined : `expected ${what}, but got ${show(value)}`;

export const isObject = (value: unknown): value is Record<string, unknown> =>
  (typeof value === 'object' || typeof value === 'function') && value !== null;
export const isInteger = (least: number) => (value: unknown) =>
  Number.isInteger(value) && (value as number) >= least;

export const text = is('a text', (value) => typeof value === 'string');
export const name = is('a name', (value) => typeof value === 'string' && value !== '');
export const flag = is('true or false', (value) => typeof value === 'boolean');
export const texts = is(
  'texts by name',
  (value) => isObject(value) && Object.values(value).every((each) => typeof each === 'string'),
);
export const number = is('a number', (value) => typeof value === 'number');
export const finite = is('a finite number', Number.isFinite);
export const rate = is(
  'a finite number, at least 0',
  (value) => Number.isFinite(value) && (value as number) >= 0,
);
export const count = is('a whole number', isInteger(0));
export const positive = is('a whole number above 0', isInteger(1));
export const method = is('a function', (value) => typeof value === 'function');
export const ids = is('an Int32Array', (value) => value instanceof Int32Array);
export const scalar = tensor(0, 'a scalar tensor');

/** A tensor of this many dimensions that has not been freed. */
export function tensor(rank: number, what = `a tensor of ${rank} dimensions`): Check {
  return (value) => {
    if (!(value instanceof tf.Tensor)) return `expected ${what}, but got ${show(value)}`;
    if (value.isDisposed) return `expected ${what}, but got one that was disposed`;
    return value.rank === rank ? undefined : `expected ${what}, but got one of shape [${value.shape}]`;
  };
}

export function object(what: string, parts: Parts): Check {
  const entries = Object.entries(parts);
  return (value) => {
    if (!isObject(value)) return `expected ${what}, but got ${show(value)}`;
    for (const [key, check] of entries) {
      const fault = check(value[key]);
      if (fault) return `of ${what}, ${key}: ${fault}`;
    }
    return undefined;
  };
}

export const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined ? undefined : check(value);

export function list(what: string, item: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return `expected a list of ${what}, but got ${show(value)}`;
    for (const [i, each] of value.entries()) {
      const fault = item(each);
      if (fault) return `item ${i}: ${fault}`;
    }
    return undefined;
  };
}

export function map(what: string, item: Check): Check {
  return (value) => {
    if (!(value instanceof Map)) return `expected a Map from names to ${what}, but got ${show(value)}`;
    for (const [key, each] of value) {
      const fault = name(key) ?? item(each);
      if (fault) return `"${key}": ${fault}`;
    }
    return undefined;
  };
}

/** A value for a message, in few words. */
export function show(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) {
    const type = value.constructor?.name;
    return type && type !== 'Object' ? `a ${type}` : 'an object';
  }
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return shown.length > 40 ? `${shown.slice(0, 39)}…` : shown;
}
