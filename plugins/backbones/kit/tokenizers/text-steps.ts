/** What tokenizer.json has done to a text before its model sees it: "normalizer" and "pre_tokenizer". */

import * as library from '@huggingface/tokenizers';
import { tokenizerError } from './malformed.js';

/** The library has it, but its types, written without the endings of files, do not reach that far. */
const { SplitPreTokenizer } = library as unknown as {
  SplitPreTokenizer: new (part: object) => { readonly pattern: RegExp | null };
};

/** A part of tokenizer.json: a type and its settings. */
export type Part = { readonly type: string } & Readonly<Record<string, unknown>>;

/** A part, or those of a sequence of parts, all the way down. */
export function partsOf(part: Part | null | undefined, key: string): Part[] {
  if (!part) return [];
  return part.type === 'Sequence' ? (part[key] as Part[]).flatMap((inner) => partsOf(inner, key)) : [part];
}

type Normalizer = (text: string) => string;
/** One word into several; `first` is true of the first of a text. */
type Splitter = (word: string, first: boolean) => string[];

const FORMS = ['NFC', 'NFD', 'NFKC', 'NFKD'];

/** @throws EvolveError if it is of a type that is not known */
export function readNormalizer(part: Part | null | undefined, file: string): Normalizer {
  if (!part) return (text) => text;
  if (FORMS.includes(part.type)) return (text) => text.normalize(part.type);
  switch (part.type) {
    case 'Sequence': {
      const steps = (part.normalizers as Part[]).map((step) => readNormalizer(step, file));
      return (text) => steps.reduce((result, step) => step(result), text);
    }
    case 'Prepend':
      return (text) => (text === '' ? '' : `${part.prepend}${text}`);
    case 'Replace': {
      const content = String(part.content);
      const { String: plain } = (part.pattern ?? {}) as { String?: string };
      // The faster way, of which a text for the second place has its dollars doubled.
      if (plain) return (text) => text.replaceAll(plain, content.replaceAll('$', '$$$$'));
      const pattern = readPattern(part.pattern, file);
      return (text) => text.replace(pattern, () => content);
    }
  }
  throw unknown('normalizer', part, [...FORMS, 'Prepend', 'Replace', 'Sequence'], file);
}

/**
 * GPT-2's pattern, which cuts a text into words with the space before them, numbers, and runs of anything else.
 * White space is Unicode's, of which JavaScript's \s has one character too many and one too few.
 */
const GPT2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/**
 * What cuts a text into words, none of which is merged with another.
 *
 * @throws EvolveError if it is of a type that is not known
 */
export function readPreTokenizer(part: Part | null | undefined, file: string): Splitter {
  switch (part?.type) {
    case undefined:
      return (word) => [word];
    case 'Sequence': {
      const steps = (part!.pretokenizers as Part[]).map((step) => readPreTokenizer(step, file));
      return (text, first) =>
        steps.reduce((words, step) => words.flatMap((word, at) => step(word, first && at === 0)), [
          text,
        ] as string[]);
    }
    case 'Split': {
      const pattern = readPattern(part!.pattern, file);
      const behavior = String(part!.behavior).toLowerCase();
      if (behavior === 'isolated') return (word) => isolate(word, pattern);
      if (behavior === 'removed' && part!.invert === true) return (word) => [...(word.match(pattern) ?? [])];
      const what = `the pre_tokenizer's Split has the behavior "${part!.behavior}"${part!.invert ? ', inverted' : ''}`;
      throw tokenizerError(file, what, 'Isolated is known, and Removed where it is inverted.');
    }
    case 'Digits': {
      const pattern = part!.individual_digits ? /\p{N}/gu : /\p{N}+/gu;
      return (word) => isolate(word, pattern);
    }
    case 'ByteLevel': {
      const space = part!.add_prefix_space ? ' ' : '';
      const cut: (word: string) => string[] =
        part!.use_regex === false ? (word) => [word] : (word) => isolate(word, GPT2);
      return (word) => cut(word.startsWith(' ') ? word : space + word);
    }
    case 'Metaspace':
      return readMetaspace(part!);
  }
  throw unknown('pre_tokenizer', part!, ['Split', 'Digits', 'ByteLevel', 'Metaspace', 'Sequence'], file);
}

/** SentencePiece's way with spaces: they are ▁, and one comes first. */
function readMetaspace(part: Part): Splitter {
  const mark = String(part.replacement ?? '▁');
  const scheme = String(part.prepend_scheme ?? (part.add_prefix_space === false ? 'never' : 'always'));
  const words = new RegExp(`${mark}?[^${mark}]+|${mark}`, 'gu');
  return (word, first) => {
    const marked = word.replaceAll(' ', mark);
    const prepends = (scheme === 'always' || (scheme === 'first' && first)) && !marked.startsWith(mark);
    const whole = prepends ? mark + marked : marked;
    return part.split === false ? [whole] : (whole.match(words) ?? []);
  };
}

/** The matches of a pattern, and what stands between them. */
function isolate(word: string, pattern: RegExp): string[] {
  // Most patterns leave nothing between, and this is the faster way.
  const matches: string[] = word.match(pattern) ?? [];
  let length = 0;
  for (const match of matches) length += match.length;
  if (length === word.length && !matches.includes('')) return matches;
  const parts: string[] = [];
  let end = 0;
  for (const match of word.matchAll(pattern)) {
    if (match[0] === '') continue;
    if (match.index > end) parts.push(word.slice(end, match.index));
    parts.push(match[0]);
    end = match.index + match[0].length;
  }
  if (end < word.length) parts.push(word.slice(end));
  return parts;
}

/** `{ "String" }` or `{ "Regex" }`, the latter in Oniguruma's language, which the library puts into JavaScript's. */
function readPattern(pattern: unknown, file: string): RegExp {
  const { String: plain, Regex: regex } = (pattern ?? {}) as { String?: string; Regex?: string };
  if (plain !== undefined) return new RegExp(escapeRegExp(plain), 'gu');
  try {
    const part = {
      type: 'Split',
      pattern: { Regex: regex ?? '(' },
      behavior: 'Isolated',
      invert: false,
    } as const;
    const compiled = new SplitPreTokenizer(part).pattern;
    if (compiled) return compiled;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw tokenizerError(file, `the pattern ${JSON.stringify(pattern)} cannot be read`, '');
}

/** What a part of an unknown type is refused with. */
export function unknown(what: string, part: Part, known: readonly string[], file: string): Error {
  return tokenizerError(
    file,
    `its ${what} is of the type "${part.type}"`,
    `Known here: ${known.join(', ')}.`,
  );
}

/** A pattern that matches just this text. */
export function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
