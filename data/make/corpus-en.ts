/** English documents of the pretraining corpus. */

import { reason } from './cot.js';
import { moods, plurals, sentences, synonyms, verbs } from './language.js';
import { animals } from './nature.js';
import { boys, girls } from './people.js';
import type { Random } from './random.js';
import { story, topics } from './stories.js';
import { numberWords, problem, sum } from './sums.js';
import { sets } from './tasks-en.js';
import { a, andList, cap, type Fact } from './words.js';
import { facts, factsByKind, lexicon } from './world.js';

/** One fact: half of the time from a random kind, so that the small tables are seen as well. */
export function anyFact(r: Random): Fact {
  return r.chance(0.5) ? r.pick(facts) : r.pick(r.pick([...factsByKind.values()]));
}

/** Some facts that stand together in the tables, most often about one subject. */
export function neighbours(r: Random, count: number): Fact[] {
  const start = r.int(0, facts.length - count);
  return r.shuffle(facts.slice(start, start + count));
}

const statement = (r: Random, { en }: Fact): string => r.pick([en.answer, en.answer, ...en.also]);

/** An answer that is not worded as an assistant's: the bare words or another wording. */
const plainAnswer = (r: Random, { en }: Fact): string =>
  cap(r.pick([en.short, ...en.also].filter((text) => text !== en.answer)));
const stop = (text: string): string => (/[.!?"”]$/.test(text) ? text : `${text}.`);

function statements(r: Random): string {
  const chosen = r.chance(0.5)
    ? neighbours(r, r.int(3, 6))
    : Array.from({ length: r.int(3, 7) }, () => anyFact(r));
  return chosen.map((f) => statement(r, f)).join(' ');
}

function exchange(r: Random): string {
  const [asker, teller] = r.some([...girls, ...boys], 2) as [string, string];
  const chosen = (r.chance(0.4) ? neighbours(r, 4) : Array.from({ length: 4 }, () => anyFact(r))).slice(
    0,
    r.int(2, 4),
  );
  const lines = (open: string, close: string): string =>
    chosen.map((f) => `${open}${r.pick(f.en.ask)}\n${close}${stop(plainAnswer(r, f))}`).join('\n');
  return r.pick([
    () => lines('Question: ', 'Answer: '),
    () => lines('Q: ', 'A: '),
    () => lines(`${asker}: `, `${teller}: `),
    () => chosen.map((f) => `${r.pick(f.en.ask)} ${stop(plainAnswer(r, f))}`).join('\n'),
    () =>
      chosen.map((f) => `${asker} asks: ${r.pick(f.en.ask)} ${teller} says: ${statement(r, f)}`).join('\n'),
  ])();
}

function list(r: Random): string {
  const lines = Array.from({ length: r.int(1, 3) }, () => {
    const set = r.pick(sets);
    const items = r.some(set.members, r.int(2, 4));
    const n = numberWords[items.length].en;
    return r.pick([
      `${cap(andList(items))} are ${set.name}.`,
      `Some ${set.name} are ${andList(items)}.`,
      `${cap(set.name)}:\n${items.map((x, i) => `${i + 1}. ${cap(x)}`).join('\n')}`,
      `My ${n} favourite ${set.name} are ${andList(items)}.`,
      `Here are some ${set.name}: ${andList(items)}.`,
    ]);
  });
  return lines.join('\n');
}

function sums(r: Random): string {
  const line = (): string => {
    const { x, sign, y, result } = sum(r);
    return r.pick([
      `${x} ${sign} ${y} = ${result}.`,
      `${x} ${sign} ${y} equals ${result}.`,
      `${x} ${sign} ${y} is ${result}.`,
    ]);
  };
  const worked = (): string => {
    const p = problem(r);
    return `${p.question} ${p.steps} ${r.pick(['So the answer is', 'The answer is', 'The result is'])} ${p.answer}.`;
  };
  return Array.from({ length: r.int(2, 4) }, r.chance(0.4) ? line : worked).join('\n');
}

function reasons(r: Random): string {
  return Array.from({ length: 2 }, () => {
    const { question, answer, rationale } = reason(r);
    return `${question.replaceAll('\\n', '\n')}\n${r.pick(['Think: ', 'Let us think. ', ''])}${rationale} So the answer is ${answer}.`;
  }).join('\n');
}

function translations(r: Random): string {
  return Array.from({ length: r.int(2, 5) }, () => {
    const { en, zh } = r.pick(r.chance(0.5) ? sentences : moods);
    const word = r.pick(lexicon);
    return r.pick([
      `English: ${en} Chinese: ${zh}`,
      `${en} = ${zh}`,
      `${zh} means: ${en}`,
      `${word.en} = ${word.zh}`,
      `The word "${word.en}" is “${word.zh}” in Chinese.`,
      `Chinese: ${zh} English: ${en}`,
    ]);
  }).join('\n');
}

function grammar(r: Random): string {
  return Array.from({ length: r.int(2, 4) }, () => {
    const v = r.pick(verbs);
    const p = r.pick(plurals);
    const s = r.pick(synonyms);
    const m = r.pick(moods);
    const who = r.pick(['I', 'We', 'They']);
    const [he, is, are] = r.pick([
      ['He', 'is', 'are'],
      ['She', 'is', 'are'],
      ['They', 'are', 'is'],
      ['We', 'are', 'is'],
    ] as const);
    return r.pick([
      `Today ${who} ${v.en} ${v.tail}. Yesterday ${who} ${v.past} ${v.tail}.`,
      `Wrong: ${he} ${are} ${v.ing} ${v.tail}. Right: ${he} ${is} ${v.ing} ${v.tail}.`,
      `${he} ${is} ${v.ing} ${v.tail}. ${cap(is)} ${he.toLowerCase()} ${v.ing} ${v.tail}?`,
      `${who} ${v.en} ${v.tail}. No, ${who === 'I' ? who : who.toLowerCase()} do not ${v.en} ${v.tail}.`,
      `${cap(v.en)} ${v.tail}! Please, could you ${v.en} ${v.tail}?`,
      `One ${p.en}, two ${p.plural}. The plural of "${p.en}" is "${p.plural}".`,
      `"${cap(s.en)}" can be replaced by "${s.other}".`,
      `"${m.en}" This is a ${m.mood} sentence.`,
      `I ${v.en} ${v.tail} with my friends.`,
    ]);
  }).join('\n');
}

function comparisons(r: Random): string {
  return Array.from({ length: r.int(2, 5) }, () => {
    const [x, y] = r.some(animals, 2) as [(typeof animals)[number], (typeof animals)[number]];
    if (Math.abs(+x.size - +y.size) < 2) return `${cap(a(x.en))} and ${a(y.en)} are both animals.`;
    const [big, small] = +x.size > +y.size ? [x, y] : [y, x];
    return r.pick([
      `${cap(a(big.en))} is bigger than ${a(small.en)}.`,
      `${cap(a(small.en))} is smaller than ${a(big.en)}.`,
      `${cap(big.plural)} are bigger than ${small.plural}.`,
    ]);
  }).join(' ');
}

/** Short notes under a heading of three number signs. */
function notes(r: Random): string {
  const chosen = neighbours(r, 3);
  const heading = r.pick([
    'Notes',
    'Facts',
    'Lesson',
    'Summary',
    'Words',
    'Instruction',
    'Input',
    'Response',
    'My notes',
  ]);
  return `### ${heading}${r.pick(['', ':'])}\n${chosen.map((f) => `- ${statement(r, f)}`).join('\n')}${
    r.chance(0.4) ? `\n\n### ${r.pick(['Remember', 'Story', 'More'])}\n${statement(r, anyFact(r))}` : ''
  }`;
}

/** Plain sentences about tasks and instructions. */
function classroom(r: Random): string {
  const who = r.pick(['The teacher', 'My friend', r.pick(girls), r.pick(boys)]);
  const what = r.pick(['a story', 'a letter', 'a list', 'a sentence', 'an answer']);
  const pool = [
    `${who} gave me an instruction that describes a task.`,
    `The instruction describes how to write ${what}.`,
    `Please write a response that completes the request.`,
    `A good response appropriately completes the task.`,
    `The text below is an instruction.`,
    `Below is ${what} that I wrote yesterday.`,
    `The input provides further context.`,
    `Each question is paired with an answer.`,
    `Each instruction is paired with an input that provides more context.`,
    `${who} read the request and wrote a response.`,
    `Below the instruction there is an input.`,
    `First read the instruction, then look at the input, and then write the response.`,
    `Write ${what} and give it to ${who === 'The teacher' ? 'the teacher' : who}.`,
    `Let's think step by step.`,
    `${who} said, "Let's think step by step."`,
  ];
  return r.some(pool, r.int(3, 5)).join(' ');
}

/** Headings that announce a question and its answer. */
const headings: readonly (readonly [string, string])[] = [
  ['Question', 'Answer'],
  ['Question', 'Response'],
  ['Instruction', 'Answer'],
  ['Instruction', 'Result'],
  ['Task', 'Response'],
  ['Exercise', 'Solution'],
];

/**
 * An exercise on a sheet: what is asked and its answer under their headings. The answer stands between spaces or
 * on a line of its own: a trainer sets it between spaces, and a model that knows neither would have to learn that first.
 */
export function sheet(r: Random, question: string, answer: string, input?: string): string {
  const [ask, reply] = r.pick(headings);
  const opening = r.pick([
    '',
    'Read the task and write a response.\n\n',
    'Below is a question with its answer.\n\n',
  ]);
  const given = input === undefined ? '' : `### Input:\n${input}\n\n`;
  const [before, after] = r.pick([
    [' ', ' '],
    [' ', ''],
    ['\n', ''],
  ]);
  return `${opening}### ${ask}:\n${question}\n\n${given}### ${reply}:${before}${answer}${after}`;
}

function exercise(r: Random): string {
  const fact = anyFact(r);
  const { en, zh } = r.pick(sentences);
  const set = r.pick(sets);
  const topic = r.pick(topics).en;
  const p = problem(r);
  return r.weighted<() => string>([
    [12, () => sheet(r, r.pick(fact.en.ask), stop(plainAnswer(r, fact)))],
    [5, () => sheet(r, `Some ${set.name}`, `${cap(andList(r.some(set.members, 3)))}.`)],
    [4, () => sheet(r, p.question, `${p.steps} The result is ${p.answer}.`)],
    [2, () => sheet(r, 'Say it in Chinese', zh, en)],
    [2, () => sheet(r, 'Say it in English', en, zh)],
    [1, () => sheet(r, `A story about ${topic}`, story(r, topic))],
  ])();
}

function tale(r: Random): string {
  const topic = r.pick(topics).en;
  return `${r.chance(0.4) ? `A story about ${topic}\n` : ''}${story(r, topic)}`;
}

/** The kinds of document with their share. */
const kinds: readonly (readonly [number, (r: Random) => string])[] = [
  [34, statements],
  [24, exchange],
  [9, tale],
  [8, list],
  [7, sums],
  [6, reasons],
  [6, translations],
  [6, grammar],
  [4, comparisons],
  [4, notes],
  [3, classroom],
  [40, exercise],
];

export const documentEn = (r: Random): string => r.weighted(kinds)(r);
