/** Instructions in English with their answers: the kinds of task of the Alpaca sample. */
import { days, months, seasons } from './calendar.js';
import { countries } from './geography.js';
import { moods, plurals, sentences, synonyms, verbs } from './language.js';
import { animals, groups, homes } from './nature.js';
import { jobs } from './people.js';
import type { Random } from './random.js';
import { howTos } from './science.js';
import { lesson, story, topics } from './stories.js';
import { numberWords, problem, sum } from './sums.js';
import { clothes, colours, foodName, foods, made, uses, vehicles } from './things.js';
import { a, andList, cap, plural, type Rec, row } from './words.js';
import { factsByKind, factsOf, lexicon } from './world.js';

const rec = (instruction: string, output: string, input = ''): Rec => ({ instruction, input, output });
const names = (rows: readonly { en: string }[]): string[] => rows.map(({ en }) => en);

/** Sets that a list can be drawn from. */
export const sets: { name: string; members: string[] }[] = [
  { name: 'fruits', members: foods.filter((f) => f.kind === 'fruit').map(foodName) },
  { name: 'vegetables', members: foods.filter((f) => f.kind === 'vegetable').map(foodName) },
  { name: 'drinks', members: foods.filter((f) => f.kind === 'drink').map(foodName) },
  { name: 'red foods', members: foods.filter((f) => f.colour === 'red').map(foodName) },
  { name: 'green foods', members: foods.filter((f) => f.colour === 'green').map(foodName) },
  { name: 'sour foods', members: foods.filter((f) => f.taste === 'sour').map(foodName) },
  ...['Asia', 'Europe', 'Africa', 'South America'].map((continent) => ({
    name: `countries in ${continent}`,
    members: names(countries.filter((c) => c.continent === continent)),
  })),
  ...groups.map((g) => ({
    name: g.plural === 'fish' ? 'kinds of fish' : g.plural,
    members: animals.filter((x) => x.group === g.en).map((x) => x.plural),
  })),
  ...homes
    .filter((h) => animals.filter((x) => x.home === h.en).length > 3)
    .map((h) => ({
      name: `animals that live ${h.where}`,
      members: animals.filter((x) => x.home === h.en).map((x) => x.plural),
    })),
  { name: 'animals with six legs', members: animals.filter((x) => x.legs === '6').map((x) => x.plural) },
  { name: 'animals without legs', members: animals.filter((x) => x.legs === '0').map((x) => x.plural) },
  { name: 'colours', members: names(colours) },
  { name: 'jobs', members: names(jobs).map(plural) },
  { name: 'days of the week', members: names(days) },
  { name: 'months of the year', members: names(months) },
  { name: 'seasons', members: names(seasons) },
  { name: 'vehicles', members: names(vehicles).map(plural) },
  { name: 'pieces of clothing', members: names(clothes).map(plural) },
  { name: 'things made of wood', members: ['tables', 'chairs', 'pencils', 'doors'] },
  { name: 'things made of glass', members: ['windows', 'bottles', 'mirrors'] },
];

function ask(r: Random): Rec {
  const fact = r.pick(r.pick([...factsByKind.values()])).en;
  return rec(r.pick(fact.ask), fact.answer);
}

function list(r: Random): Rec {
  const set = r.pick(sets);
  const size = Math.min(
    set.members.length,
    r.weighted([
      [2, 2],
      [6, 3],
      [2, 4],
    ]),
  );
  const n = numberWords[size].en;
  const items = r.some(set.members, size);
  const instruction = r.pick([
    `List ${n} ${set.name}.`,
    `Name ${n} ${set.name}.`,
    `Give ${n} examples of ${set.name}.`,
    `Write down ${n} ${set.name}.`,
    `Can you name ${n} ${set.name}?`,
  ]);
  const output = instruction.startsWith('List')
    ? items.map((item, i) => `${i + 1}. ${cap(item)}`).join('\n')
    : r.pick([
        `${cap(n)} ${set.name} are ${andList(items)}.`,
        `Here are ${n} ${set.name}: ${andList(items)}.`,
      ]);
  return rec(instruction, output);
}

function classify(r: Random): Rec {
  const mood = r.pick(moods);
  const animal = r.pick(animals);
  const food = r.pick(foods.filter((f) => f.kind !== 'grain'));
  const item = r.pick(made);
  return r.pick([
    () =>
      rec(
        r.pick([
          'Is the feeling of the sentence positive or negative?',
          'Classify the sentence as positive or negative.',
          'Find the mood of this text.',
        ]),
        `The sentence is ${mood.mood}.`,
        mood.en,
      ),
    () =>
      rec(
        r.pick([
          'Classify the animal.',
          'Tell me which group this animal belongs to.',
          'Say what kind of animal this is.',
        ]),
        `${cap(a(animal.en))} is ${animal.group === 'fish' ? 'a fish' : a(animal.group)}.`,
        cap(animal.en),
      ),
    () =>
      rec(
        r.pick(['Is this a fruit, a vegetable or a drink?', 'Classify the food.']),
        `${cap(food.plural === '-' ? food.en : a(food.en))} is ${a(food.kind)}.`,
        cap(food.en),
      ),
    () =>
      rec(
        'Tell me the material of this object.',
        `${cap(a(item.en))} is made of ${item.material}.`,
        cap(item.en),
      ),
    () => {
      const fruit = r
        .some(
          foods.filter((f) => f.kind === 'fruit'),
          2,
        )
        .map((f) => f.en);
      const greens = r
        .some(
          foods.filter((f) => f.kind === 'vegetable'),
          2,
        )
        .map((f) => f.en);
      return rec(
        'Sort the words into fruits and vegetables.',
        `Fruits: ${fruit.join(', ')}. Vegetables: ${greens.join(', ')}.`,
        r.shuffle([...fruit, ...greens]).join(', '),
      );
    },
    () => {
      const beasts = r.some(animals, 3).map((x) => x.en);
      const odd = r.pick(clothes).en;
      return rec(
        'Which word does not belong with the others?',
        `"${cap(odd)}" does not belong, because it is not an animal.`,
        r.shuffle([...beasts, odd]).join(', '),
      );
    },
  ])();
}

function rewrite(r: Random): Rec {
  const verb = r.pick(verbs);
  const who = r.pick(['I', 'We', 'They']);
  const they = r.pick([
    ['He', 'is', 'are'],
    ['She', 'is', 'are'],
    ['They', 'are', 'is'],
    ['We', 'are', 'is'],
  ] as const);
  const word = r.pick(plurals);
  const same = r.pick(
    synonyms.filter((s) => !/choose|speak|begin|end|help|hard|correct|important/.test(s.en)),
  );
  return r.pick([
    () =>
      rec(
        r.pick(['Rewrite the sentence in the past tense.', 'Change the sentence to the past tense.']),
        `${who} ${verb.past} ${verb.tail}.`,
        `${who} ${verb.en} ${verb.tail}.`,
      ),
    () =>
      rec(
        r.pick(['Correct the mistake in the sentence.', 'Fix the grammar of the sentence.']),
        `${they[0]} ${they[1]} ${verb.ing} ${verb.tail}.`,
        `${they[0]} ${they[2]} ${verb.ing} ${verb.tail}.`,
      ),
    () =>
      rec(
        'Turn the sentence into a question.',
        `${cap(they[1])} ${they[0].toLowerCase()} ${verb.ing} ${verb.tail}?`,
        `${they[0]} ${they[1]} ${verb.ing} ${verb.tail}.`,
      ),
    () =>
      rec(
        'Make the sentence negative.',
        `${who} do not ${verb.en} ${verb.tail}.`,
        `${who} ${verb.en} ${verb.tail}.`,
      ),
    () =>
      rec(
        r.pick(['Give the plural of the word.', 'Write the plural form of this noun.']),
        `The plural of "${word.en}" is "${word.plural}".`,
        word.en,
      ),
    () =>
      rec('Replace the adjective with a synonym.', `My friend is ${same.other}.`, `My friend is ${same.en}.`),
    () =>
      rec(
        'Make this request more polite.',
        `Could you please ${verb.en} ${verb.tail}?`,
        `${cap(verb.en)} ${verb.tail}.`,
      ),
  ])();
}

function translate(r: Random): Rec {
  const sentence = r.pick(sentences);
  const word = r.pick(lexicon);
  return r.pick([
    () =>
      rec(
        r.pick(['Translate the sentence into Chinese.', 'Put this sentence into Chinese.']),
        sentence.zh,
        sentence.en,
      ),
    () =>
      rec(
        r.pick(['Translate the sentence into English.', 'What does this Chinese sentence mean?']),
        sentence.en,
        sentence.zh,
      ),
    () => rec('Translate the word into Chinese.', `"${cap(word.en)}" in Chinese is “${word.zh}”.`, word.en),
  ])();
}

function complete(r: Random): Rec {
  const fact = r.pick(
    r.pick(
      [
        'capital',
        'language',
        'opposite',
        'material',
        'food',
        'next-day',
        'next-month',
        'colour',
        'young',
      ].map(factsOf),
    ),
  ).en;
  const start = fact.answer.replace(/"?[\w ]+"?\.$/, (end) =>
    end.slice(0, end.replace(/"?\.$/, '').lastIndexOf(fact.short)),
  );
  return rec(
    r.pick(['Complete the sentence.', 'Finish this sentence.', 'Fill in the missing words.']),
    fact.answer,
    `${start.replace(/"$/, '').trimEnd()} ...`,
  );
}

function compare(r: Random): Rec {
  const [x, y] = r.some(animals, 2) as [(typeof animals)[number], (typeof animals)[number]];
  if (r.chance(0.4) && x.legs !== y.legs) {
    const [more, less] = +x.legs > +y.legs ? [x, y] : [y, x];
    return rec(
      `Which has more legs, ${a(x.en)} or ${a(y.en)}?`,
      `${cap(a(more.en))} has more legs: it has ${more.legs}, and ${a(less.en)} has ${less.legs === '0' ? 'none' : less.legs}.`,
    );
  }
  if (Math.abs(+x.size - +y.size) < 2) return compare(r);
  const [big, small] = +x.size > +y.size ? [x, y] : [y, x];
  return r.chance(0.5)
    ? rec(`Which is bigger, ${a(x.en)} or ${a(y.en)}?`, `${cap(a(big.en))} is bigger than ${a(small.en)}.`)
    : rec(
        'Compare the size of the two animals.',
        `${cap(a(big.en))} is bigger than ${a(small.en)}.`,
        `${x.en}, ${y.en}`,
      );
}

function tell(r: Random): Rec {
  const topic = r.pick(topics).en;
  if (r.chance(0.3)) {
    const moral = lesson(topic).en;
    const text = story(r, topic, true);
    return rec(
      r.pick(['What is the lesson of this story?', 'Sum up the story in one sentence.']),
      moral,
      text.slice(0, text.lastIndexOf(moral)).trim(),
    );
  }
  return rec(
    r.pick([
      `Write a short story about ${topic}.`,
      `Tell me a little story about ${topic}.`,
      `Make up a story about ${topic}.`,
    ]),
    story(r, topic, true),
  );
}

function explain(r: Random): Rec {
  const how = r.pick(howTos);
  const why = r.pick(factsOf('science').filter((f) => /^(Why|What is a)/.test(f.en.ask[0]))).en;
  const use = r.pick(uses.filter(({ en }) => en !== 'scissors'));
  const job = r.pick(jobs);
  return r.pick([
    () => rec(r.pick([`Explain how to ${how.en}.`, `Give me the steps to ${how.en}.`]), how.steps),
    () => rec(`${r.pick(['Answer in one sentence: ', 'Explain to a child: '])}${why.ask[0]}`, why.answer),
    () => rec('Explain what this thing is for.', `You can use it to ${use.use}.`, cap(use.en)),
    () => rec('Describe this job in one sentence.', `${cap(a(job.en))} ${job.does}.`, cap(job.en)),
  ])();
}

function create(r: Random): Rec {
  const verb = r.pick(verbs);
  const animal = r.pick(animals);
  const food = r.pick(foods.filter(({ taste }) => taste === 'sweet' || taste === 'sour'));
  return r.pick([
    () =>
      rec(`Write a sentence with the word "${verb.en}".`, `My friends and I often ${verb.en} ${verb.tail}.`),
    () =>
      rec(
        `Write a sentence about ${a(animal.en)}.`,
        `The ${animal.en} lives ${row(homes, animal.home).where} and eats ${animal.food}.`,
      ),
    () =>
      rec(
        `Write a sentence about ${foodName(food)}.`,
        `I like ${foodName(food)} because ${food.plural === '-' ? 'it tastes' : 'they taste'} ${food.taste}.`,
      ),
    () =>
      rec(
        `Describe ${a(animal.en)} in one sentence.`,
        `${cap(a(animal.en))} is ${
          animal.group === 'fish' ? 'a fish' : a(animal.group)
        } that lives ${row(homes, animal.home).where}.`,
      ),
  ])();
}

function calculate(r: Random): Rec {
  const { x, sign, y, result } = sum(r);
  const p = problem(r);
  return r.pick([
    () =>
      rec(
        r.pick([`What is ${x} ${sign} ${y}?`, `Calculate ${x} ${sign} ${y}.`]),
        `${x} ${sign} ${y} equals ${result}.`,
      ),
    () => rec('Solve the problem.', `${p.steps} The answer is ${p.answer}.`, p.question),
  ])();
}

/** The kinds of task with their share of the sample. */
const kinds: readonly (readonly [number, (r: Random) => Rec])[] = [
  [34, ask],
  [12, list],
  [10, classify],
  [10, rewrite],
  [8, translate],
  [6, complete],
  [5, compare],
  [4, tell],
  [5, explain],
  [4, create],
  [4, calculate],
];

export const taskEn = (r: Random): Rec => r.weighted(kinds)(r);
