/** Which keys of a configuration name a plugin, and of which family. */

import type { Family } from './plugin.js';

/** A key that names a plugin: `quantizer`, `train.optimizer`, … */
interface SlotKey {
  readonly family: Family;
  readonly at: readonly string[];
  /** The key of the value that holds the plugin's name; its other keys are the plugin's options. */
  readonly key: 'name' | 'method';
  /** The value is a list, each item of which names a plugin. */
  readonly many?: true;
}

/** A slot as a configuration fills it. */
export interface Slot {
  readonly family: Family;
  readonly at: readonly PropertyKey[];
  readonly key: SlotKey['key'];
  readonly value: Readonly<Record<string, unknown>>;
}

const SLOTS: readonly SlotKey[] = [
  { family: 'quantizers', at: ['quantizer'], key: 'name' },
  { family: 'adapters', at: ['adapter'], key: 'method' },
  { family: 'templates', at: ['data', 'template'], key: 'name' },
  { family: 'objectives', at: ['train', 'objective'], key: 'name' },
  { family: 'optimizers', at: ['train', 'optimizer'], key: 'name' },
  { family: 'schedules', at: ['train', 'scheduler'], key: 'name' },
  { family: 'metrics', at: ['metrics'], key: 'name', many: true },
  { family: 'trackers', at: ['trackers'], key: 'name', many: true },
  { family: 'devices', at: ['device'], key: 'name' },
  { family: 'worlds', at: ['world'], key: 'name' },
];

/** The slots that `config` fills; a list fills one for each item. `device: auto` fills none. */
export function slotsOf(config: object): Slot[] {
  return SLOTS.flatMap(({ family, at, key }) => {
    const value = at.reduce<unknown>((inner, part) => (inner as Record<string, unknown>)?.[part], config);
    const items = Array.isArray(value)
      ? value.map((item, i) => ({ at: [...at, i], value: item }))
      : [{ at, value }];
    return items.filter((item) => isNamed(item.value)).map((item) => ({ family, key, ...item }) as Slot);
  });
}

/** How a configuration names a plugin of this family: `train.optimizer: { name: "lion", beta: 0.9 }`. */
export function naming(family: Family | undefined, name: string, options: object = {}): string {
  const slot = SLOTS.find((candidate) => candidate.family === family);
  if (!slot) throw new RangeError(`no key names plugins of the family ${family}`);
  const pairs = Object.entries({ [slot.key]: name, ...options }).map(
    ([key, value]) => `${key}: ${JSON.stringify(value)}`,
  );
  const value = `{ ${pairs.join(', ')} }`;
  return `${slot.at.join('.')}: ${slot.many ? `[${value}]` : value}`;
}

/** The same configuration, with every slot's value replaced by what `fill` returns. */
export function withSlots<C extends object>(config: C, fill: (slot: Slot) => object): C {
  const filled = structuredClone(config);
  for (const slot of slotsOf(config)) {
    const parent = slot.at
      .slice(0, -1)
      .reduce<unknown>((at, part) => (at as Record<PropertyKey, unknown>)[part], filled);
    (parent as Record<PropertyKey, unknown>)[slot.at[slot.at.length - 1]] = fill(slot);
  }
  return filled;
}

function isNamed(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (value as { name?: unknown }).name !== 'auto';
}
