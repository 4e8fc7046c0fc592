/**
 * Checks a value against a schema and reports all faults at once: each with its place, the value received and, for an
 * unknown key, the nearest known one.
 */

import { z } from 'zod';
import { suggest } from '../base/suggest.js';

/** Says where the value at a path stands: `run.yaml:12:5`, or `--set train.epochs`. */
export type Locate = (path: readonly PropertyKey[]) => string;

export type Validated<T> = { data: T; faults: [] } | { data: undefined; faults: string[] };

/** Faults name paths with `prefix` in front: `adapter.r` for the options of the plugin lora. */
export function validate<T>(
  schema: z.ZodType<T>,
  value: unknown,
  locate: Locate,
  prefix: readonly PropertyKey[] = [],
): Validated<T> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return { data: result.data, faults: [] };
  const faults = result.error.issues.flatMap(meantIssues).flatMap((issue) => {
    const path = [...prefix, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      const known = knownKeys(schema, issue.path);
      return issue.keys.map((key) => {
        const hint =
          suggest(key, known) ||
          elsewhere(schema, key) ||
          (known.length > 0 ? `; known here: ${known.join(', ')}` : '');
        return `${locate([...path, key])}: unknown key "${[...path, key].join('.')}"${hint}`;
      });
    }
    const [place, name] = [locate(path), path.join('.') || 'the configuration'];
    const isSaid = place === name || place.endsWith(` ${name}`) || /^--(?!set )/.test(place);
    const where = isSaid ? place : `${place}: ${name}`;
    return `${where}: ${explain(issue)}`;
  });
  return { data: undefined, faults };
}

/** For a union: what is wrong with the alternative that was meant, which is the one of the value's type. */
function meantIssues(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const meant = issue.errors.find((alternative) =>
    alternative.every(({ code, path }) => path.length > 0 || code !== 'invalid_type'),
  );
  if (!meant || meant.length === 0) return [issue];
  return meant.flatMap((inner) => meantIssues({ ...inner, path: [...issue.path, ...inner.path] }));
}

function explain(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' || issue.code === 'invalid_union') {
    if (issue.input === undefined) return 'required, but missing';
    // The schema's own words.
    if (!issue.message.startsWith('Invalid input')) return `${issue.message}, but got ${show(issue.input)}`;
    const expected =
      issue.code === 'invalid_type' ? issue.expected : issue.errors.flatMap(expectedTypes).join(' or ');
    return `expected ${inWords(expected)}, but got ${show(issue.input)}`;
  }
  const message = issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
  return issue.input === undefined ? message : `${message}, but got ${show(issue.input)}`;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  array: 'a list, as [ … ]',
  boolean: 'true or false',
  int: 'a whole number',
  object: 'keys with values, as { key: value }',
  record: 'keys with values, as { key: value }',
  string: 'text',
};

/** What a newcomer calls the types of JSON: `array or string` -> `a list, as [ … ] or text`. */
function inWords(types: string): string {
  return types.replaceAll(/\b(array|boolean|int|object|record|string)\b/g, (type) => TYPE_WORDS[type]);
}

function expectedTypes(issues: readonly z.core.$ZodIssue[]): string[] {
  return issues.flatMap((issue) => ('expected' in issue ? [String(issue.expected)] : [issue.message]));
}

/** A value, as a fault tells it. */
export function show(value: unknown): string {
  // JSON has no infinity.
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** ` (did you mean "train.epochs"?)` where a section of `schema` knows the key. */
function elsewhere(schema: z.ZodType, key: string): string {
  const section = knownKeys(schema, []).find((name) => knownKeys(schema, [name]).includes(key));
  return section === undefined ? '' : ` (did you mean "${section}.${key}"?)`;
}

/** The keys that `schema` knows at `path`. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  type Node = { properties?: Record<string, Node>; items?: Node; prefixItems?: Node[]; anyOf?: Node[] };
  let nodes = [z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Node];
  const alternatives = (node: Node): Node[] => [node, ...(node.anyOf ?? []).flatMap(alternatives)];
  for (const key of path) {
    nodes = nodes.flatMap(alternatives).flatMap((node) => {
      const child =
        typeof key === 'number' ? (node.prefixItems?.[key] ?? node.items) : node.properties?.[String(key)];
      return child ? [child] : [];
    });
  }
  return nodes.flatMap(alternatives).flatMap((node) => Object.keys(node.properties ?? {}));
}
