/** The values of @huggingface/jinja, and Python's text of them. The library keeps its classes to itself: a scope has them. */

import { Environment } from '@huggingface/jinja';

export type Value = ReturnType<Environment['lookupVariable']>;
export type Scope = Environment;
/** What a template calls. */
export type Call = (args: Value[], scope: Scope) => Value;

type ValueClass<T> = new (plain: T) => Value;

function classOf<T>(value: Value): ValueClass<T> {
  return value.constructor as unknown as ValueClass<T>;
}

const converted = (plain: unknown): Value => new Environment().set('value', plain);
const FunctionValue = classOf<Call>(new Environment().lookupVariable('namespace'));
const StringValue = classOf<string>(converted(''));
const BooleanValue = classOf<boolean>(converted(true));
const NOTHING = converted(null);

/** A JavaScript value for templates. */
export function toValue(plain: unknown): Value {
  // The library makes a scope for each value that it converts, which is slow.
  if (typeof plain === 'string') return new StringValue(plain);
  if (typeof plain === 'boolean') return new BooleanValue(plain);
  return plain === null ? NOTHING : converted(plain);
}

/** A list of values. */
export function listOf(items: readonly Value[]): Value {
  const list = toValue([]);
  (list.value as Value[]).push(...items);
  return list;
}

export function functionOf(call: Call): Value {
  return new FunctionValue(call);
}

/** Python's `str`. What is not defined is an empty text, as Jinja writes it. */
export function textOf(value: Value): string {
  switch (value.type) {
    case 'StringValue':
      return value.value as string;
    case 'UndefinedValue':
      return '';
    default:
      return reprOf(value);
  }
}

/** Python's `repr`. */
function reprOf(value: Value): string {
  switch (value.type) {
    case 'StringValue':
      return quoted(value.value as string);
    case 'NullValue':
      return 'None';
    case 'UndefinedValue':
      return 'Undefined';
    case 'BooleanValue':
      return value.value ? 'True' : 'False';
    case 'IntegerValue':
      return String(value.value);
    case 'FloatValue':
      return value.toString().replace(/e([+-])(\d)$/, 'e$10$2');
    case 'ArrayValue':
      return `[${(value.value as Value[]).map(reprOf).join(', ')}]`;
    case 'TupleValue': {
      const items = (value.value as Value[]).map(reprOf);
      return `(${items.join(', ')}${items.length === 1 ? ',' : ''})`;
    }
    case 'ObjectValue': {
      const entries = [...(value.value as Map<string, Value>)];
      return `{${entries.map(([key, each]) => `${quoted(key)}: ${reprOf(each)}`).join(', ')}}`;
    }
    default:
      throw new TypeError(`it writes a ${value.type}, which has no text`);
  }
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\\n\r\t'"]|[^\P{C}]|[^\P{Z} ]/gu, (character) => {
    if (character in ESCAPES) return ESCAPES[character];
    if (character === "'" || character === '"') return character === quote ? `\\${quote}` : character;
    const code = character.codePointAt(0)!;
    const hex = code.toString(16);
    if (code < 0x100) return `\\x${hex.padStart(2, '0')}`;
    return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
  });
  return quote + escaped + quote;
}
