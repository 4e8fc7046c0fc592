/** Methods and filters of texts as Python has them, where @huggingface/jinja has none, or others. */

import { type Call, listOf, textOf, toValue, type Value } from './values.js';

/** What Python takes for white space; JavaScript's `trim` has a few characters more, and a few less. */
const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

const [WORD, BEFORE, BEHIND] = [`^[^${SPACE}]+`, `^[${SPACE}]+`, `[${SPACE}]+$`].map(
  (pattern) => new RegExp(pattern, 'u'),
);

function stripped(text: string, left: boolean, right: boolean, characters?: Value): string {
  if (characters === undefined || characters.type === 'NullValue') {
    const rest = left ? text.replace(BEFORE, '') : text;
    return right ? rest.replace(BEHIND, '') : rest;
  }
  const out = new Set(stringOf(characters));
  const all = Array.from(text);
  let [start, end] = [0, all.length];
  while (left && start < end && out.has(all[start])) start++;
  while (right && end > start && out.has(all[end - 1])) end--;
  return all.slice(start, end).join('');
}

const strip =
  (left: boolean, right: boolean): Call =>
  ([value, characters]) =>
    toValue(stripped(stringOf(value), left, right, characters));

/** Words as Python parts them by white space; behind so many the rest of the text is one. */
function wordsOf(text: string, most: number): string[] {
  const words: string[] = [];
  let rest = stripped(text, true, false);
  while (rest !== '' && words.length < most) {
    const [word] = WORD.exec(rest)!;
    words.push(word);
    rest = stripped(rest.slice(word.length), true, false);
  }
  return rest === '' ? words : [...words, rest];
}

/** How many times a text is parted; without a limit as often as it can be. */
function limitOf(most: Value | undefined): number {
  if (most === undefined) return Number.MAX_SAFE_INTEGER;
  if (most.type !== 'IntegerValue')
    throw new TypeError(`a whole number is needed, but there is a ${most.type}`);
  const limit = Number(most.value);
  return limit < 0 ? Number.MAX_SAFE_INTEGER : limit;
}

function capitalized(text: string): string {
  const [first = '', ...rest] = Array.from(text);
  return first.toUpperCase() + rest.join('').toLowerCase();
}

/** Of texts, by name: the text comes first, then the arguments. */
export const METHODS: Readonly<Record<string, Call>> = {
  strip: strip(true, true),
  lstrip: strip(true, false),
  rstrip: strip(false, true),
  removeprefix: ([value, prefix]) => {
    const [text, start] = [stringOf(value), stringOf(prefix)];
    return toValue(text.startsWith(start) ? text.slice(start.length) : text);
  },
  removesuffix: ([value, suffix]) => {
    const [text, end] = [stringOf(value), stringOf(suffix)];
    return toValue(end !== '' && text.endsWith(end) ? text.slice(0, -end.length) : text);
  },
  capitalize: ([value]) => toValue(capitalized(stringOf(value))),
  split: ([value, separator, most]) => {
    const text = stringOf(value);
    if (separator === undefined || separator.type === 'NullValue')
      return toValue(wordsOf(text, limitOf(most)));
    const by = stringOf(separator);
    const parts = text.split(by);
    const rest = parts.splice(limitOf(most));
    return toValue(rest.length > 0 ? [...parts, rest.join(by)] : parts);
  },
  rsplit: ([value, separator, most]) => {
    const parts = stringOf(value).split(stringOf(separator));
    const kept = Math.max(parts.length - limitOf(most), 1);
    return toValue([parts.slice(0, kept).join(stringOf(separator)), ...parts.slice(kept)]);
  },
  find: ([value, sought]) => {
    const text = stringOf(value);
    const at = text.indexOf(stringOf(sought));
    return toValue(at < 0 ? -1 : Array.from(text.slice(0, at)).length);
  },
  join: ([separator, items]) => toValue(itemsOf(items).map(textOf).join(stringOf(separator))),
};

/** A mapping's own method, also where it has a key of that name: to Python `tool.items()` is one, whatever a tool is called. */
const ofMapping =
  (name: string): Call =>
  ([value, ...args], scope) => {
    const method = (value as { builtins?: ReadonlyMap<string, Value> }).builtins?.get(name);
    if (method?.type !== 'FunctionValue') throw new TypeError(`a ${value.type} has no ${name}()`);
    return (method.value as unknown as Call)(args, scope);
  };

/** Methods that a template calls on values. */
export const CALLED: Readonly<Record<string, Call>> = {
  ...METHODS,
  ...Object.fromEntries(['items', 'keys', 'values', 'get'].map((name) => [name, ofMapping(name)])),
};

/** Filters, by name. */
export const FILTERS: Readonly<Record<string, Call>> = {
  trim: ([value, characters]) => toValue(stripped(textOf(value), true, true, characters)),
  capitalize: ([value]) => toValue(capitalized(textOf(value))),
  upper: ([value]) => toValue(textOf(value).toUpperCase()),
  lower: ([value]) => toValue(textOf(value).toLowerCase()),
  length: ([value]) => toValue(lengthOf(value)),
  count: ([value]) => toValue(lengthOf(value)),
  string: ([value]) => toValue(textOf(value)),
  join: ([items, separator]) =>
    toValue(
      itemsOf(items)
        .map(textOf)
        .join(separator === undefined ? '' : stringOf(separator)),
    ),
};

/** Tests, by name. */
export const TESTS: Readonly<Record<string, Call>> = {
  number: ([{ type }]) => toValue(NUMBER.test(type)),
  iterable: ([{ type }]) => toValue(/^(String|Array|Tuple|Object|Undefined)Value$/.test(type)),
};

/** What is true or false is a number too. */
const NUMBER = /^(Integer|Float|Boolean)Value$/;

/** Of a text in characters, of a list in items. */
function lengthOf({ type, value }: Value): number {
  if (type === 'UndefinedValue') return 0;
  if (value instanceof Map) return value.size;
  if (typeof value === 'string' || Array.isArray(value)) return Array.from(value as string).length;
  throw new TypeError(`a ${type} has no length`);
}

/** Python's `==`: values of different types are not equal, but for numbers and what is true or false. */
export function areEqual(a: Value, b: Value): boolean {
  const [left, right] = [a, b].map(({ type, value }) => (NUMBER.test(type) ? Number(value) : value));
  if (typeof left === 'number' || typeof right === 'number') return left === right;
  if (a.type !== b.type) return false;
  if (left instanceof Map && right instanceof Map)
    return (
      left.size === right.size &&
      [...left].every(([key, value]) => right.has(key) && areEqual(value, right.get(key)))
    );
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((value, i) => areEqual(value, right[i]));
  return left === right;
}

/** Python's `+`, which adds nothing to a text but a text. */
export function sumOf(a: Value, b: Value): Value {
  const kinds = [a, b].map(({ type }) => (NUMBER.test(type) ? 'number' : type));
  const [left, right] = [a.value, b.value];
  if (kinds[0] === kinds[1]) {
    if (kinds[0] === 'StringValue') return toValue(`${left}${right}`);
    if (kinds[0] === 'number') return toValue(Number(left) + Number(right));
    if (Array.isArray(left) && Array.isArray(right)) return listOf([...left, ...right]);
  }
  throw new TypeError(`it adds a ${b.type} to a ${a.type}`);
}

/** What a loop goes through: the characters of a text, and nothing where nothing is defined. */
export function iterated(value: Value): Value {
  if (value.type === 'UndefinedValue') return toValue([]);
  return value.type === 'StringValue' ? toValue(Array.from(value.value as string)) : value;
}

function stringOf(value: Value | undefined): string {
  if (value?.type === 'StringValue') return value.value as string;
  throw new TypeError(
    `a text is needed, but there is ${value === undefined ? 'nothing' : `a ${value.type}`}`,
  );
}

function itemsOf(value: Value | undefined): Value[] {
  if (value?.type === 'ArrayValue' || value?.type === 'TupleValue') return value.value as Value[];
  return Array.from(stringOf(value), toValue);
}
