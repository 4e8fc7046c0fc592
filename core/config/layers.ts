/**
 * How a file goes over those that it imports, and `--set` over both. Merged key by key, two values could meet that do not go
 * together: the options of one optimizer and the name of another, or two keys that say the same. Of these the later ones hold.
 */

/** Of `adapter`, where its options name no method. */
export const DEFAULT_METHOD = 'lora';

type Mapping = Record<string, unknown>;

/** Of two keys that say the same, the other. */
const OTHER_KEY: Readonly<Record<string, string>> = {
  'train.warmupSteps': 'warmupRatio',
  'train.warmupRatio': 'warmupSteps',
};

/** Where the options of a plugin stand while files are merged: below its name. No key of YAML begins so. */
const OPTIONS = '\0';

/** A file's values, such that merging them key by key, later over earlier, leaves what `merged` reads. */
export function mergeable(values: unknown): unknown {
  if (!isMapping(values)) return values;
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, folded(value, [key])]));
}

/** The values of all files, after the merge. */
export function merged(values: unknown): unknown {
  if (!isMapping(values)) return values;
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, unfolded(value, [key])]));
}

/** Which keys beside `keys`, in the same mapping, no longer hold if `value` comes there. */
export function replacedBy(parent: Readonly<Mapping>, keys: readonly string[], value: unknown): string[] {
  const last = keys[keys.length - 1];
  const other = OTHER_KEY[keys.join('.')];
  if (other !== undefined) return [other];
  const at = keys.slice(0, -1);
  const isOtherName = last === keyOfName(at) && nameOf(parent, at) !== value;
  return isOtherName ? Object.keys(parent).filter((key) => key !== last) : [];
}

function folded(value: unknown, at: readonly string[]): unknown {
  if (!isMapping(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, folded(item, [...at, key])]);
  const name = nameOf(value, at);
  const isOption = ([key]: unknown[]) => key !== keyOfName(at);
  if (name !== undefined) {
    const named = entries.filter((entry) => !isOption(entry));
    return Object.fromEntries([...named, [OPTIONS + name, Object.fromEntries(entries.filter(isOption))]]);
  }
  const others = Object.keys(value).flatMap((key) => OTHER_KEY[[...at, key].join('.')] ?? []);
  // What is undefined here takes an earlier file's value away.
  const none = others.filter((key) => !(key in value)).map((key) => [key, undefined]);
  return Object.fromEntries([...entries, ...none]);
}

function unfolded(value: unknown, at: readonly string[]): unknown {
  if (!isMapping(value)) return value;
  const options = value[OPTIONS + nameOf(value, at)];
  const own = Object.entries(value).filter(([key, item]) => !key.startsWith(OPTIONS) && item !== undefined);
  const all = [...Object.entries((options as Mapping | undefined) ?? {}), ...own];
  return Object.fromEntries(all.map(([key, item]) => [key, unfolded(item, [...at, key])]));
}

/** The plugin that the mapping there names; undefined if it names none. */
function nameOf(mapping: Readonly<Mapping>, at: readonly string[]): string | undefined {
  const key = keyOfName(at);
  const name = mapping[key] ?? (key === 'method' ? DEFAULT_METHOD : undefined);
  return typeof name === 'string' ? name : undefined;
}

function keyOfName(at: readonly string[]): string {
  return at.length === 1 && at[0] === 'adapter' ? 'method' : 'name';
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
