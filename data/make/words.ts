/** Helpers of grammar that the tables and the sentences share. */

/** Reads a table written as text: one row a line, cells separated by a bar. */
export function table<const C extends string>(columns: readonly C[], text: string): Record<C, string>[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const cells = line.trim().split('|');
      if (cells.length !== columns.length) throw new Error(`row has ${cells.length} cells: ${line}`);
      return Object.fromEntries(columns.map((name, i) => [name, cells[i]])) as Record<C, string>;
    });
}

/** The row whose `en` is the given word. */
export function row<T extends { en: string }>(rows: readonly T[], en: string): T {
  const found = rows.find((r) => r.en === en);
  if (!found) throw new Error(`no row for ${en}`);
  return found;
}

/** First letter in upper case: how a sentence starts. */
export const cap = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** The noun with its indefinite article. */
export const a = (noun: string): string =>
  `${/^[aeiou](?!niform|niversity)/i.test(noun) ? 'an' : 'a'} ${noun}`;

/** The plural of a noun that follows the rules. */
export const plural = (noun: string): string =>
  /man$/.test(noun)
    ? noun.replace(/man$/, 'men')
    : /rf$/.test(noun)
      ? noun.replace(/f$/, 'ves')
      : /s$/.test(noun)
        ? `${noun}es`
        : `${noun}s`;

/** "x, y and z" */
export function andList(items: readonly string[]): string {
  const last = items[items.length - 1] ?? '';
  return items.length < 2 ? last : `${items.slice(0, -1).join(', ')} and ${last}`;
}

/** "x、y和z" */
export function heList(items: readonly string[]): string {
  const last = items[items.length - 1] ?? '';
  return items.length < 2 ? last : `${items.slice(0, -1).join('、')}和${last}`;
}

/** Puts values in the {named} places of a template. */
export function fill(template: string, values: Record<string, string>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`no value for {${name}} in: ${template}`);
    return value;
  });
}

/** What is said of one fact in one language: ways to ask, the full answer, other wordings, the bare answer. */
export interface Saying {
  ask: string[];
  answer: string;
  also: string[];
  short: string;
}

/** One thing the world knows, in English and in Chinese. */
export interface Fact {
  kind: string;
  en: Saying;
  zh: Saying;
}

/** One record of instruction data. */
export interface Rec {
  instruction: string;
  input: string;
  output: string;
}

export const fact = (kind: string, en: Saying, zh: Saying): Fact => ({ kind, en, zh });

export const say = (short: string, answer: string, ask: string[], also: string[] = []): Saying => ({
  short,
  answer,
  ask,
  also,
});
