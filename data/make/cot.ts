/** Questions answered by reasoning: word problems, comparisons and common sense. */
import { days, months } from './calendar.js';
import { continents, countries } from './geography.js';
import { opposites } from './language.js';
import { animals, groups } from './nature.js';
import { jobs } from './people.js';
import type { Random } from './random.js';
import { problem } from './sums.js';
import { foodKinds, foods, made } from './things.js';
import { a, cap, row } from './words.js';

export interface Reasoned {
  question: string;
  answer: string;
  rationale: string;
}

/** The choices, with the line breaks written out as the file has them. */
const options = (choices: readonly string[]): string =>
  `\\nOptions:${choices.map((c) => `\\n- ${c}`).join('')}`;
const yesNo = options(['yes', 'no']);
const reasoned = (question: string, answer: string, rationale: string): Reasoned => ({
  question,
  answer,
  rationale,
});
const truth = (value: boolean): string => (value ? 'yes' : 'no');
const anA = (group: string): string => (group === 'fish' ? 'a fish' : a(group));

function wordProblem(r: Random): Reasoned {
  const p = problem(r);
  return reasoned(p.question, p.answer, p.steps);
}

function size(r: Random): Reasoned {
  const [x, y] = r.some(animals, 2) as [(typeof animals)[number], (typeof animals)[number]];
  if (Math.abs(+x.size - +y.size) < 2) return size(r);
  const [big, small] = +x.size > +y.size ? [x, y] : [y, x];
  const why = `${cap(a(small.en))} is a smaller animal. ${cap(a(big.en))} is bigger than ${a(small.en)}.`;
  return r.chance(0.5)
    ? reasoned(`Is ${a(x.en)} bigger than ${a(y.en)}?${yesNo}`, truth(big === x), why)
    : reasoned(`Which is bigger?${options([a(x.en), a(y.en)])}`, a(big.en), why);
}

function legs(r: Random): Reasoned {
  const [x, y] = r.some(animals, 2) as [(typeof animals)[number], (typeof animals)[number]];
  const n = r.int(2, 6);
  if (x.legs === '0' || x.legs === y.legs) return legs(r);
  if (r.chance(0.5)) {
    return reasoned(
      `How many legs do ${n} ${x.plural} have in all?`,
      `${n * +x.legs}`,
      `One ${x.en} has ${x.legs} legs. ${n} x ${x.legs} = ${n * +x.legs}.`,
    );
  }
  const [more, less] = +x.legs > +y.legs ? [x, y] : [y, x];
  return reasoned(
    `Does ${a(x.en)} have more legs than ${a(y.en)}?${yesNo}`,
    truth(more === x),
    `${cap(a(more.en))} has ${more.legs} legs and ${a(less.en)} has ${less.legs === '0' ? 'none' : less.legs}.`,
  );
}

function group(r: Random): Reasoned {
  const x = r.pick(animals);
  const guess = r.chance(0.5) ? x.group : r.pick(groups).en;
  return r.chance(0.5)
    ? reasoned(
        `Is ${a(x.en)} ${anA(guess)}?${yesNo}`,
        truth(guess === x.group),
        `${cap(a(x.en))} is ${anA(x.group)}.${guess === x.group ? '' : ` So it is not ${anA(guess)}.`}`,
      )
    : reasoned(
        `Does ${a(x.en)} have feathers?${yesNo}`,
        truth(x.group === 'bird'),
        `Birds have feathers. ${cap(a(x.en))} is ${anA(x.group)}.`,
      );
}

function place(r: Random): Reasoned {
  const c = r.pick(countries);
  const guess = r.chance(0.5) ? c.continent : r.pick(continents).en;
  return reasoned(
    `Is ${c.capital} in ${guess}?${yesNo}`,
    truth(guess === c.continent),
    `${c.capital} is the capital of ${c.en}. ${cap(c.en)} is in ${c.continent}.`,
  );
}

function time(r: Random): Reasoned {
  const [rows, unit] = r.pick([
    [days, 'day'],
    [months, 'month'],
  ] as const);
  const i = r.int(0, rows.length - 3);
  const [first, second, third] = [rows[i].en, rows[i + 1].en, rows[i + 2].en];
  return r.chance(0.6)
    ? reasoned(
        `If today is ${days[i % 5].en}, what day will it be in two days?`,
        days[(i % 5) + 2].en,
        `The day after ${days[i % 5].en} is ${days[(i % 5) + 1].en}. The day after ${days[(i % 5) + 1].en} is ${days[(i % 5) + 2].en}.`,
      )
    : reasoned(
        `Which ${unit} comes two ${unit}s after ${first}?`,
        third,
        `After ${first} comes ${second}. After ${second} comes ${third}.`,
      );
}

function food(r: Random): Reasoned {
  const f = r.pick(foods.filter((x) => x.plural !== '-'));
  const rest = r.some(
    foods.filter((x) => x.kind !== f.kind && x.plural !== '-'),
    2,
  );
  return r.chance(0.5)
    ? reasoned(
        `Which one is ${a(f.kind)}?${options(r.shuffle([f, ...rest]).map((x) => x.en))}`,
        f.en,
        `${cap(f.plural)} are ${row(foodKinds, f.kind).plural}. The other things are not.`,
      )
    : reasoned(
        `Does ${a(f.en)} taste sweet?${yesNo}`,
        truth(f.taste === 'sweet'),
        `The taste of ${a(f.en)} is ${f.taste}.`,
      );
}

function sense(r: Random): Reasoned {
  const job = r.pick(jobs);
  const others = r.some(
    jobs.filter((j) => j.place !== job.place),
    2,
  );
  const thing = r.pick(made);
  const words = r.pick(opposites);
  const guess = r.chance(0.5) ? words.other : r.pick(opposites).other;
  const breaks = ['glass', 'porcelain'].includes(thing.material);
  return r.pick([
    () =>
      reasoned(
        `Where would you look for ${a(job.en)}?${options(r.shuffle([job, ...others]).map((j) => j.place))}`,
        job.place,
        `${cap(a(job.en))} ${job.does}. This work is done at the ${job.place}.`,
      ),
    () =>
      reasoned(
        `Can ${a(thing.en)} break easily when it falls?${yesNo}`,
        truth(breaks),
        `${cap(a(thing.en))} is made of ${thing.material}. ${cap(thing.material)} ${breaks ? 'breaks' : 'does not break'} easily.`,
      ),
    () =>
      reasoned(
        `Is "${guess}" the opposite of "${words.en}"?${yesNo}`,
        truth(guess === words.other),
        `The opposite of "${words.en}" is "${words.other}".`,
      ),
  ])();
}

/** The kinds of question with their share of the sample. */
const kinds: readonly (readonly [number, (r: Random) => Reasoned])[] = [
  [40, wordProblem],
  [12, size],
  [10, legs],
  [9, group],
  [8, place],
  [4, time],
  [7, food],
  [10, sense],
];

export const reason = (r: Random): Reasoned => r.weighted(kinds)(r);
