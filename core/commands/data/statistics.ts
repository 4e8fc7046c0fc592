/** What examples are like, counted one by one: lengths, languages, what comes twice, what training and held-out rows share. */

import type { Example, Prompt, TurnsExample } from '../../contracts/dataset.js';
import { unknownKind } from '../../contracts/dataset.js';
import { Seen } from './seen.js';

/** So long a row may be before `data.cutoffLength` cuts it: the usual choices, in tokens. */
export const CUTOFFS = [512, 1024, 2048] as const;

/** What `evolve data stats` tells. */
export interface Report {
  readonly rows: number;
  /** Instructions, conversations, texts, pairs. */
  readonly kinds: Readonly<Record<Example['kind'], number>>;
  readonly sources: Readonly<Record<string, number>>;
  /** By the language that a row or its source says, or else by the script that most of its letters are of. */
  readonly languages: Readonly<Record<string, number>>;
  readonly unit: 'tokens' | 'characters';
  /** Of whole rows: in tokens with the template's words and the end tokens. */
  readonly lengths: LengthReport;
  /** Of what is trained on. */
  readonly trained: LengthReport;
  /** How many rows are longer than so many tokens, and how many tokens that cuts; none where characters are counted. */
  readonly cut: readonly { at: number; rows: number; tokens: number }[];
  /** Rows that come again, whole; and questions that come again with another answer. */
  readonly duplicates: { readonly rows: number; readonly questions: number };
  /** Rows that are among the held-out ones too, and rows whose question is. */
  readonly overlap?: { readonly heldOut: number; readonly rows: number; readonly questions: number };
  /** Rows that the model or the template cannot express: their lengths are not counted. */
  readonly unmeasured: number;
}

export interface LengthReport {
  readonly mean: number;
  readonly median: number;
  readonly p90: number;
  readonly p99: number;
  readonly longest: number;
  /** Rows by length: each bar up to twice the length of the one before. */
  readonly bars: readonly { from: number; to: number; rows: number }[];
}

/** What a row measures: all of it, and what of it is trained on. */
export interface Measure {
  readonly whole: number;
  readonly trained: number;
}

export class Statistics {
  readonly #kinds = { instruction: 0, turns: 0, text: 0, tokens: 0, preference: 0 };
  readonly #sources = new Map<string, number>();
  readonly #languages = new Map<string, number>();
  readonly #whole = new Lengths();
  readonly #trained = new Lengths();
  readonly #rows = new Seen();
  readonly #questions = new Seen();
  readonly #heldOut = { rows: new Seen(), questions: new Seen(), count: 0 };
  #count = 0;
  #duplicates = { rows: 0, questions: 0 };
  #overlap = { rows: 0, questions: 0 };
  #unmeasured = 0;

  constructor(private readonly unit: Report['unit']) {}

  /** A row of the held-out data, to which all others are held. */
  holdOut(example: Example): void {
    const { question, answer } = partsOf(example);
    this.#heldOut.count++;
    this.#heldOut.rows.add(plain(question, answer));
    this.#heldOut.questions.add(plain(question));
  }

  /** @param measured undefined where it cannot be measured */
  add(example: Example, measured: Measure | undefined): void {
    this.#count++;
    this.#kinds[example.kind]++;
    count(this.#sources, example.source ?? '');
    const { question, answer } = partsOf(example);
    count(this.#languages, example.language ?? scriptOf(question + answer));
    if (measured) {
      this.#whole.add(measured.whole);
      this.#trained.add(measured.trained);
    } else this.#unmeasured++;
    const isNew = this.#rows.add(plain(question, answer));
    // A text has no question.
    const isNewQuestion = question === '' || this.#questions.add(plain(question));
    if (!isNew) this.#duplicates.rows++;
    else if (!isNewQuestion) this.#duplicates.questions++;
    if (this.#heldOut.rows.has(plain(question, answer))) this.#overlap.rows++;
    else if (question !== '' && this.#heldOut.questions.has(plain(question))) this.#overlap.questions++;
  }

  report(): Report {
    return {
      rows: this.#count,
      kinds: this.#kinds,
      sources: sorted(this.#sources),
      languages: sorted(this.#languages),
      unit: this.unit,
      lengths: this.#whole.report(),
      trained: this.#trained.report(),
      cut: this.unit === 'tokens' ? CUTOFFS.map((at) => ({ at, ...this.#whole.above(at) })) : [],
      duplicates: this.#duplicates,
      ...(this.#heldOut.count > 0 && { overlap: { heldOut: this.#heldOut.count, ...this.#overlap } }),
      unmeasured: this.#unmeasured,
    };
  }
}

/** How often each length comes: as many numbers as there are lengths, however many rows. */
class Lengths {
  readonly #counts = new Map<number, number>();
  #rows = 0;
  #sum = 0;

  add(length: number): void {
    this.#counts.set(length, (this.#counts.get(length) ?? 0) + 1);
    this.#rows++;
    this.#sum += length;
  }

  above(most: number): { rows: number; tokens: number } {
    let [rows, tokens] = [0, 0];
    for (const [length, times] of this.#counts) {
      if (length <= most) continue;
      rows += times;
      tokens += times * (length - most);
    }
    return { rows, tokens };
  }

  report(): LengthReport {
    const lengths = [...this.#counts].sort(([a], [b]) => a - b);
    const atShare = (share: number) => {
      let left = Math.ceil(share * this.#rows);
      return lengths.find(([, times]) => {
        left -= times;
        return left <= 0;
      })?.[0];
    };
    const longest = lengths.at(-1)?.[0] ?? 0;
    return {
      mean: this.#rows === 0 ? 0 : this.#sum / this.#rows,
      median: atShare(0.5) ?? 0,
      p90: atShare(0.9) ?? 0,
      p99: atShare(0.99) ?? 0,
      longest,
      bars: barsOf(lengths),
    };
  }
}

function barsOf(lengths: readonly (readonly [length: number, times: number])[]): LengthReport['bars'] {
  if (lengths.length === 0) return [];
  const [[shortest], [longest]] = [lengths[0], lengths[lengths.length - 1]];
  const bars: { from: number; to: number; rows: number }[] = [];
  for (let to = 16, from = 0; ; from = to + 1, to *= 2) {
    if (to < shortest) continue;
    const rows = lengths.reduce(
      (sum, [length, times]) => sum + (length >= from && length <= to ? times : 0),
      0,
    );
    bars.push({ from, to, rows });
    if (to >= longest) return bars;
  }
}

/** What is asked and what is answered; a text is all answer. */
function partsOf(example: Example): { question: string; answer: string } {
  switch (example.kind) {
    case 'text':
      return { question: '', answer: example.text };
    case 'instruction':
      return { question: asked(example), answer: example.output };
    case 'tokens':
      return { question: '', answer: example.inputIds.join(' ') };
    case 'preference':
      return { question: asked(example.prompt), answer: `${example.chosen}\n${example.rejected}` };
    case 'turns':
      return ofTurns(example);
    default:
      return unknownKind(example);
  }
}

function asked(prompt: Prompt): string {
  return 'turns' in prompt
    ? prompt.turns.map(({ content }) => content).join('\n')
    : `${prompt.instruction}\n${prompt.input}`;
}

/** What comes before the first answer, and all from there on. */
function ofTurns({ turns }: TurnsExample): { question: string; answer: string } {
  const first = turns.findIndex(({ role }) => role === 'assistant');
  const textOf = (part: TurnsExample['turns']) =>
    part.map(({ content, calls }) => content + (calls ? JSON.stringify(calls) : '')).join('\n');
  return { question: textOf(turns.slice(0, first)), answer: textOf(turns.slice(first)) };
}

/** In characters: of all text, and of what is trained on. */
export function charactersOf(example: Example): Measure {
  const { question, answer } = partsOf(example);
  const trained =
    example.kind === 'turns'
      ? example.turns.reduce((sum, turn) => sum + (turn.trained ? turn.content.length : 0), 0)
      : example.kind === 'preference'
        ? example.chosen.length
        : answer.length;
  return { whole: question.trim().length + answer.length, trained };
}

/** Texts that differ in spaces and capitals alone are one. */
function plain(...texts: string[]): string {
  return texts.map((text) => text.toLowerCase().replace(/\s+/g, ' ').trim()).join('\0');
}

const SCRIPTS: readonly [name: string, letters: RegExp][] = [
  ['Japanese', /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
  ['Han', /\p{Script=Han}/gu],
  ['Hangul', /\p{Script=Hangul}/gu],
  ['Cyrillic', /\p{Script=Cyrillic}/gu],
  ['Arabic', /\p{Script=Arabic}/gu],
  ['Devanagari', /\p{Script=Devanagari}/gu],
  ['Greek', /\p{Script=Greek}/gu],
  ['Hebrew', /\p{Script=Hebrew}/gu],
  ['Thai', /\p{Script=Thai}/gu],
];
const LOOKED_AT = 2_000;

/** The script of a text whose language nobody says. One sign of Han is as much as several letters of Latin. */
function scriptOf(text: string): string {
  const begin = text.slice(0, LOOKED_AT);
  const letters = begin.match(/\p{L}/gu)?.length ?? 0;
  if (letters === 0) return 'no letters';
  const found = SCRIPTS.find(([, script]) => (begin.match(script)?.length ?? 0) > letters / 5);
  return `script ${found?.[0] ?? 'Latin'}`;
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sorted(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}
