/** The rules of the architecture: each takes the sources and says what is against it, a sentence a fault. */

import type { Source } from './sources.js';

/** What each folder of core/, or each family of plugins, may import. */
export type Arrows = ReadonlyMap<string, readonly string[]>;

/**
 * A table of core/README.md: in backticks, what a row is about comes first, and what it imports last or, where there are
 * reasons behind that, second. "all above" means the rows above it.
 */
export function arrowsOf(table: string): Map<string, readonly string[]> {
  const arrows = new Map<string, readonly string[]>();
  for (const [, name, cells] of table.matchAll(/^\| `([\w.-]+)\/?` \|(.*)\|$/gm)) {
    const columns = cells.split(' | ').map((cell) => cell.trim());
    const imports =
      columns.find((cell) => /^(nothing|all above|`[\w./-]+`(, `[\w./-]+`)*)$/.test(cell)) ?? '';
    const named = [...imports.matchAll(/`([^`]+)`/g)].map(([, imported]) => imported);
    arrows.set(name, imports === 'all above' ? [...arrows.keys()] : named);
  }
  return arrows;
}

/** core/ does not know plugins/. */
export function pluginsInCore(sources: readonly Source[]): string[] {
  return edges(sources, 'core/').flatMap(([file, imported]) =>
    imported.startsWith('plugins/') ? [`${file} imports ${imported}, a plugin's`] : [],
  );
}

/** Between the folders of core/ imports follow the arrows. */
export function straysInCore(sources: readonly Source[], arrows: Arrows): string[] {
  return edges(sources, 'core/').flatMap(([file, imported]) => {
    const [, from] = file.split('/');
    const [top, to] = imported.split('/');
    if (top !== 'core' || from === to || arrows.get(from)?.includes(to)) return [];
    return [`${file} imports ${imported}: core/README.md allows no arrow from ${from} to ${to}`];
  });
}

/** Plugins import core/index.ts, their own files and their family's kit; of another family what the arrows allow. */
export function straysInPlugins(sources: readonly Source[], arrows: Arrows): string[] {
  return edges(sources, 'plugins/').flatMap(([file, imported]) => {
    const [, family, plugin] = file.split('/');
    const [top, toFamily, toPlugin] = imported.split('/');
    if (imported === 'core/index.ts') return [];
    if (top !== 'plugins') return [`${file} imports ${imported}: plugins import core/index.ts alone`];
    if (family === toFamily) {
      if (plugin === toPlugin || toPlugin === 'kit') return [];
      return [`${file} imports ${imported}, which is another plugin's; what both need belongs into the kit`];
    }
    if (arrows.get(family)?.includes(`${toFamily}/${toPlugin}`)) return [];
    return [`${file} imports ${imported}: core/README.md allows no arrow from ${family} to ${toFamily}`];
  });
}

/** What has a backbone's name in it, but is something else. */
export interface OtherMeaning {
  readonly text: RegExp;
  /** The files that may hold it; all where nothing is said. */
  readonly in?: RegExp;
}

/** No file outside of a backbone's folder names it, in code or in comments, nor in a longer word (`BirdModel`, `bird2`). */
export function namedBackbones(
  sources: readonly Source[],
  backbones: readonly string[],
  otherMeanings: readonly OtherMeaning[],
): string[] {
  return sources.flatMap(({ file, text }) =>
    `${file}\n${text}`.split('\n').flatMap((whole, number) => {
      const meant = otherMeanings.filter((other) => other.in?.test(file) ?? true);
      const line = meant.reduce((left, other) => left.replaceAll(other.text, ''), whole);
      return backbones
        .filter((name) => !file.startsWith(`plugins/backbones/${name}/`))
        .filter((name) => line.toLowerCase().includes(name.toLowerCase()))
        .map((name) => `${file}:${number} names the backbone ${name}: ${whole.trim()}`);
    }),
  );
}

/** The other meanings that no source has: each of them would only hide a fault. */
export function needlessMeanings(
  sources: readonly Source[],
  otherMeanings: readonly OtherMeaning[],
): OtherMeaning[] {
  return otherMeanings.filter(
    (other) =>
      !sources.some(({ file, text }) => (other.in?.test(file) ?? true) && text.search(other.text) >= 0),
  );
}

/** No file imports itself, by however many others; imports of types count. */
export function circles(sources: readonly Source[]): string[] {
  const importsOf = new Map(sources.map(({ file, imports }) => [file, imports]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file);
    if (start >= 0) found.push([...trail.slice(start), file].join(' -> '));
    if (start >= 0 || done.has(file)) return;
    for (const imported of importsOf.get(file) ?? []) visit(imported, [...trail, file]);
    done.add(file);
  };
  for (const { file } of sources) visit(file, []);
  return found;
}

/** No source is longer than this. */
export function longFiles(sources: readonly Source[], limit: number): string[] {
  return sources.flatMap(({ file, text }) => {
    const lines = text.trimEnd().split('\n').length;
    return lines <= limit ? [] : [`${file} has ${lines} lines`];
  });
}

/** Who imports what, of the files below `folder`. */
function edges(sources: readonly Source[], folder: string): [file: string, imported: string][] {
  return sources
    .filter(({ file }) => file.startsWith(folder))
    .flatMap(({ file, imports }) => imports.map((imported): [string, string] => [file, imported]));
}
