/**
 * What people write may spell a special token, and must not become one. Where it does, marks stand around it while the
 * template is rendered, and tell afterwards which tokens the template did not write.
 */

import { EvolveError, type Span } from '../../../core/index.js';

/** Noncharacters of Unicode, which no text may hold. */
const [OPEN, CLOSE] = ['\ufdd2', '\ufdd3'];
const NONCHARACTER = /[\ufdd0-\ufdef]/;

/** A value of JSON with a mark before and behind each special token that its texts spell. */
export type Marker = <T>(value: T) => T;

export function markerOf(special: ReadonlySet<string>): Marker {
  const pattern = patternOf(special);
  const marked = (value: unknown): unknown => {
    if (typeof value === 'string') {
      const noncharacter = NONCHARACTER.exec(value);
      if (noncharacter) refuse(noncharacter[0]);
      return pattern ? value.replace(pattern, `${OPEN}$&${CLOSE}`) : value;
    }
    if (Array.isArray(value)) return value.map(marked);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [marked(key), marked(each)]));
  };
  return <T>(value: T) => marked(value) as T;
}

/** Takes the marks out of a text, and says where those tokens are. A template may have parted marks from their token. */
export function unmarkerOf(
  special: ReadonlySet<string>,
): (text: string) => { text: string; spelled: Span[] } {
  const tokens = patternOf(special)?.source ?? '(?!)';
  const pattern = new RegExp(`${OPEN}(${tokens})|(${tokens})${CLOSE}|[${OPEN}${CLOSE}]`, 'gu');
  return (marked) => {
    const spelled: Span[] = [];
    let text = '';
    let end = 0;
    for (const match of marked.matchAll(pattern)) {
      text += marked.slice(end, match.index);
      const token = match[1] ?? match[2];
      if (token !== undefined) spelled.push([text.length, text.length + token.length]);
      text += token ?? '';
      end = match.index + match[0].length;
    }
    return { text: text + marked.slice(end), spelled };
  };
}

/** The longest of those that begin at one place; undefined if there is none. */
function patternOf(special: ReadonlySet<string>): RegExp | undefined {
  if (special.size === 0) return undefined;
  const longestFirst = [...special].sort((a, b) => b.length - a.length);
  return new RegExp(
    longestFirst.map((token) => token.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')).join('|'),
    'gu',
  );
}

function refuse(character: string): never {
  const code = character.charCodeAt(0).toString(16).toUpperCase();
  const message = `a text holds U+${code}, which is no character`;
  throw new EvolveError('DATA_RECORD', message, 'Remove it: Unicode keeps it for programs.');
}
