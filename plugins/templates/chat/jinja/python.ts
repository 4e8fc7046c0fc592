/** Methods and filters of texts as Python has them, where @huggingface/jinja has none, or others. */

import { type Call, listOf, textOf, toValue, type Value } from './values.js';

/** What Python takes for white space; JavaScript's `trim` has a few characters more, and a few less. */
const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

const strip =
  (left: boolean, right: boolean): Call =>
  ([value, characters]) => {
    const text = stringOf(value);
    if (characters === undefined || characters.type === 'NullValue') {
      const pattern = [...(left ? [`^[${SPACE}]+`] : []), ...(right ? [`[${SPACE}]+$`] : [])].join('|');
      return toValue(text.replace(new RegExp(pattern, 'g'), ''));
    }
    const stripped = new Set(stringOf(characters));
    const all = Array.from(text);
    let [start, end] = [0, all.length];
    while (left && start < end && stripped.has(all[start])) start++;
    while (right && end > start && stripped.has(all[end - 1])) end--;
    return toValue(all.slice(start, end).join(''));
  };

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
  capitalize: ([value]) => {
    const [first = '', ...rest] = Array.from(stringOf(value));
    return toValue(first.toUpperCase() + rest.join('').toLowerCase());
  },
  rsplit: ([value, separator, most]) => {
    const parts = stringOf(value).split(stringOf(separator));
    const count = most === undefined ? parts.length : Number(most.value);
    if (count < 0 || parts.length <= count + 1) return toValue(parts);
    const kept = parts.length - count;
    return toValue([parts.slice(0, kept).join(stringOf(separator)), ...parts.slice(kept)]);
  },
  find: ([value, sought]) => {
    const text = stringOf(value);
    const at = text.indexOf(stringOf(sought));
    return toValue(at < 0 ? -1 : Array.from(text.slice(0, at)).length);
  },
  join: ([separator, items]) => toValue(itemsOf(items).map(textOf).join(stringOf(separator))),
};

/** Filters, by name. */
export const FILTERS: Readonly<Record<string, Call>> = {
  trim: METHODS.strip,
  capitalize: METHODS.capitalize,
  string: ([value]) => toValue(textOf(value)),
  join: ([items, separator]) =>
    toValue(
      itemsOf(items)
        .map(textOf)
        .join(separator === undefined ? '' : stringOf(separator)),
    ),
};

/** Python's `==`: values of different types are not equal, but for numbers and what is true or false. */
export function areEqual(a: Value, b: Value): boolean {
  const [left, right] = [a, b].map(({ type, value }) =>
    /^(Integer|Float|Boolean)Value$/.test(type) ? Number(value) : value,
  );
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
  const kinds = [a, b].map(({ type }) => (/^(Integer|Float|Boolean)Value$/.test(type) ? 'number' : type));
  const [left, right] = [a.value, b.value];
  if (kinds[0] === kinds[1]) {
    if (kinds[0] === 'StringValue') return toValue(`${left}${right}`);
    if (kinds[0] === 'number') return toValue(Number(left) + Number(right));
    if (Array.isArray(left) && Array.isArray(right)) return listOf([...left, ...right]);
  }
  throw new TypeError(`it adds a ${b.type} to a ${a.type}`);
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
