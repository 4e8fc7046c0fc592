/** The small bilingual world: every table, every fact, and a word list for translation. */
import { calendarFacts, days, months, seasons } from './calendar.js';
import { continents, countries, geographyFacts } from './geography.js';
import { languageFacts, synonyms } from './language.js';
import { animals, natureFacts } from './nature.js';
import { jobs, peopleFacts, places } from './people.js';
import { scienceFacts } from './science.js';
import { countable, numberWords } from './sums.js';
import { clothes, colours, foods, made, thingFacts, vehicles } from './things.js';
import { type Fact, fact, say } from './words.js';

/** Words with their translation; the Chinese names of colours, days and so on included. */
const lexiconRows: { en: string; zh: string }[] = [
  ...animals,
  ...foods,
  ...colours,
  ...days,
  ...months,
  ...seasons,
  ...jobs,
  ...places,
  ...vehicles,
  ...clothes,
  ...made,
  ...continents,
  ...numberWords,
  ...synonyms,
  ...countries.filter(({ en }) => !en.startsWith('the ')),
  ...countable.map(({ one, zh }) => ({ en: one, zh })),
];

/** The first entry of each English word; words whose Chinese stands for two English words are left out. */
export const lexicon: { en: string; zh: string }[] = lexiconRows.filter(
  ({ en, zh }, i) =>
    lexiconRows.findIndex((w) => w.en === en) === i && lexiconRows.findIndex((w) => w.zh === zh) === i,
);

const lexiconFacts = (): Fact[] =>
  lexicon.map(({ en, zh }) =>
    fact(
      'word',
      say(
        zh,
        `The Chinese word for "${en}" is “${zh}”.`,
        [`What is the Chinese word for "${en}"?`, `How do you say "${en}" in Chinese?`],
        [`In Chinese, "${en}" is “${zh}”.`],
      ),
      say(
        en,
        `“${zh}”的英文是“${en}”。`,
        [`“${zh}”用英语怎么说？`, `“${zh}”的英文是什么？`],
        [`“${en}”的中文意思是“${zh}”。`],
      ),
    ),
  );

/** Everything that can be said in one sentence. */
export const facts: Fact[] = [
  ...geographyFacts(),
  ...natureFacts(),
  ...thingFacts(),
  ...peopleFacts(),
  ...calendarFacts(),
  ...languageFacts(),
  ...scienceFacts(),
  ...lexiconFacts(),
];

/** The facts by kind, so that no kind drowns the others when one is drawn. */
export const factsByKind: Map<string, Fact[]> = facts.reduce((map, f) => {
  map.set(f.kind, [...(map.get(f.kind) ?? []), f]);
  return map;
}, new Map<string, Fact[]>());

/** The facts of one kind. */
export function factsOf(kind: string): Fact[] {
  const found = factsByKind.get(kind);
  if (!found) throw new Error(`no facts of the kind ${kind}`);
  return found;
}
