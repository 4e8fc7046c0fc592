/** Instructions in Chinese with their answers: the kinds of task of the BELLE sample. */
import { days, months, seasons } from './calendar.js';
import { countries } from './geography.js';
import { moods, opposites, sentences, synonyms } from './language.js';
import { animals, groups, homes, meals } from './nature.js';
import { jobs, places } from './people.js';
import type { Random } from './random.js';
import { howTos } from './science.js';
import { lesson, storyZh, topics } from './stories.js';
import { numberWords, problemZh, sum } from './sums.js';
import { clothes, colours, foodKinds, foods, made, uses, vehicles } from './things.js';
import { heList, type Rec, row } from './words.js';
import { factsByKind, factsOf, lexicon } from './world.js';

const rec = (instruction: string, output: string, input = ''): Rec => ({ instruction, input, output });
const names = (rows: readonly { zh: string }[]): string[] => rows.map(({ zh }) => zh);

/** Sets that a list can be drawn from, with the measure word of their members. */
export const setsZh: { name: string; measure: string; members: string[] }[] = [
  ...foodKinds.map((k) => ({
    name: k.zh,
    measure: '种',
    members: names(foods.filter((f) => f.kind === k.en)),
  })),
  { name: '红色的食物', measure: '种', members: names(foods.filter((f) => f.colour === 'red')) },
  { name: '绿色的食物', measure: '种', members: names(foods.filter((f) => f.colour === 'green')) },
  ...[
    ['Asia', '亚洲'],
    ['Europe', '欧洲'],
    ['Africa', '非洲'],
    ['South America', '南美洲'],
  ].map(([en, zh]) => ({
    name: `${zh}国家`,
    measure: '个',
    members: names(countries.filter((c) => c.continent === en)),
  })),
  ...groups.map((g) => ({
    name: g.zh,
    measure: '种',
    members: names(animals.filter((x) => x.group === g.en)),
  })),
  ...homes
    .filter((h) => animals.filter((x) => x.home === h.en).length > 3)
    .map((h) => ({
      name: `生活在${h.zh}的动物`,
      measure: '种',
      members: names(animals.filter((x) => x.home === h.en)),
    })),
  { name: '颜色', measure: '种', members: names(colours) },
  { name: '职业', measure: '种', members: names(jobs) },
  { name: '交通工具', measure: '种', members: names(vehicles) },
  { name: '衣服', measure: '种', members: names(clothes) },
  { name: '月份', measure: '个', members: names(months) },
  { name: '季节', measure: '个', members: names(seasons) },
  { name: '公共场所', measure: '个', members: names(places) },
  { name: '工作日', measure: '个', members: names(days.slice(0, 5)) },
];

function ask(r: Random): Rec {
  const fact = r.pick(r.pick([...factsByKind.values()])).zh;
  return rec(r.pick(fact.ask), fact.answer);
}

function list(r: Random): Rec {
  const set = r.pick(setsZh);
  const size = Math.min(
    set.members.length,
    r.weighted([
      [1, 2],
      [6, 3],
      [2, 4],
    ]),
  );
  const n = size === 2 ? '两' : numberWords[size].zh;
  const items = r.some(set.members, size);
  const what = `${n}${set.measure}${set.name}`;
  const instruction = r.pick([`列出${what}。`, `请写出${what}。`, `举出${what}的例子。`, `请说出${what}。`]);
  const output = instruction.startsWith('列出')
    ? items.map((item, i) => `${i + 1}. ${item}`).join('\n')
    : r.pick([`${what}：${items.join('、')}。`, `${heList(items)}是${what}。`]);
  return rec(instruction, output);
}

function classify(r: Random): Rec {
  const mood = r.pick(moods);
  const animal = r.pick(animals);
  const food = r.pick(foods);
  const item = r.pick(made);
  return r.pick([
    () =>
      rec(
        r.pick(['判断这句话的情感是积极还是消极。', '请判断下面句子的情感。', '这句话表达了什么样的情感？']),
        `这句话的情感是${mood.mood === 'positive' ? '积极' : '消极'}的。`,
        mood.zh,
      ),
    () =>
      rec(
        r.pick(['请判断下面的动物属于哪一类。', '给这种动物分类。']),
        `${animal.zh}属于${row(groups, animal.group).zh}。`,
        animal.zh,
      ),
    () =>
      rec(
        r.pick(['给下面的食物分类。', '判断这种食物的类别。']),
        `${food.zh}是一种${row(foodKinds, food.kind).zh}。`,
        food.zh,
      ),
    () => rec('说出这件物品的材料。', `${item.zh}是用${item.materialZh}做的。`, item.zh),
    () => {
      const fruit = names(
        r.some(
          foods.filter((f) => f.kind === 'fruit'),
          2,
        ),
      );
      const greens = names(
        r.some(
          foods.filter((f) => f.kind === 'vegetable'),
          2,
        ),
      );
      return rec(
        '把下面的词语分成水果和蔬菜两类。',
        `水果：${fruit.join('、')}；蔬菜：${greens.join('、')}。`,
        r.shuffle([...fruit, ...greens]).join('、'),
      );
    },
    () => {
      const odd = r.pick(clothes).zh;
      return rec(
        '找出不同类的词语。',
        `“${odd}”与其他词语不同类，因为它不是动物。`,
        r.shuffle([...names(r.some(animals, 3)), odd]).join('、'),
      );
    },
  ])();
}

function rewrite(r: Random): Rec {
  const food = r.pick(foods.filter((f) => f.kind === 'fruit' || f.kind === 'drink'));
  const job = r.pick(jobs);
  const animal = r.pick(animals);
  const same = r.pick(synonyms);
  const drinks = food.kind === 'drink' ? '喝' : '吃';
  const who = r.pick(['我', '他', '她', '我们', '妈妈']);
  return r.pick([
    () => rec('把句子改成否定句。', `${who}不喜欢${drinks}${food.zh}。`, `${who}喜欢${drinks}${food.zh}。`),
    () => rec('把句子改成疑问句。', `${who}喜欢${drinks}${food.zh}吗？`, `${who}喜欢${drinks}${food.zh}。`),
    () => rec('把句子改写得更礼貌。', `请您给我一些${food.zh}，谢谢。`, `给我${food.zh}。`),
    () => rec('请改正句子中的错误。', `${job.zh}在${job.placeZh}工作。`, `${job.zh}工作在${job.placeZh}。`),
    () =>
      rec(
        '用“因为……所以……”改写句子。',
        `因为${food.zh}很好${drinks}，所以${who}喜欢${food.zh}。`,
        `${food.zh}很好${drinks}，${who}喜欢${food.zh}。`,
      ),
    () => rec('用近义词替换这个词语。', `“${same.zh}”可以换成“${same.otherZh}”。`, same.zh),
    () => rec('给句子加上合适的形容词。', `可爱的${animal.zh}正在休息。`, `${animal.zh}正在休息。`),
  ])();
}

function translate(r: Random): Rec {
  const sentence = r.pick(sentences);
  const word = r.pick(lexicon);
  return r.pick([
    () => rec(r.pick(['把下面的句子翻译成英语。', '请将这句话译成英文。']), sentence.en, sentence.zh),
    () => rec(r.pick(['把下面的句子翻译成中文。', '请将这句英语译成中文。']), sentence.zh, sentence.en),
    () => rec('把这个词语翻译成英语。', `“${word.zh}”的英文是“${word.en}”。`, word.zh),
  ])();
}

function complete(r: Random): Rec {
  const fact = r.pick(
    r.pick(
      [
        'capital',
        'continent',
        'language',
        'group',
        'food',
        'opposite',
        'next-day',
        'next-month',
        'foodKind',
        'landmark',
      ].map(factsOf),
    ),
  ).zh;
  const at = fact.answer.lastIndexOf(fact.short);
  return rec(
    r.pick(['补全句子。', '请把句子补充完整。', '填空。']),
    fact.answer,
    `${fact.answer.slice(0, at)}____${fact.answer.slice(at + fact.short.length)}`,
  );
}

function compare(r: Random): Rec {
  const [x, y] = r.some(animals, 2) as [(typeof animals)[number], (typeof animals)[number]];
  if (Math.abs(+x.size - +y.size) < 2) return compare(r);
  const [big, small] = +x.size > +y.size ? [x, y] : [y, x];
  return r.chance(0.6)
    ? rec(
        r.pick([`${x.zh}和${y.zh}哪个更大？`, `${x.zh}与${y.zh}相比，哪个体型更大？`]),
        `${big.zh}比${small.zh}大。`,
      )
    : rec('比较两种动物的大小。', `${big.zh}比${small.zh}大。`, `${x.zh}、${y.zh}`);
}

function tell(r: Random): Rec {
  const topic = r.pick(topics).zh;
  return r.chance(0.3)
    ? rec(
        r.pick(['这个故事告诉我们什么？', '用一句话总结这个故事。']),
        lesson(topic).zh,
        storyZh(r, topic, true),
      )
    : rec(
        r.pick([
          `写一个关于${topic}的小故事。`,
          `请讲一个关于${topic}的故事。`,
          `编一个关于${topic}的短故事。`,
        ]),
        storyZh(r, topic, true),
      );
}

function explain(r: Random): Rec {
  const how = r.pick(howTos);
  const why = r.pick(factsOf('science').filter((f) => /^(为什么|什么是)/.test(f.zh.ask[0]))).zh;
  const use = r.pick(uses);
  const job = r.pick(jobs);
  return r.pick([
    () => rec(r.pick([`请解释如何${how.zh}。`, `告诉我${how.zh}的步骤。`]), how.stepsZh),
    () => rec(`${r.pick(['请用一句话回答：', '请向小朋友解释：'])}${why.ask[0]}`, why.answer),
    () => rec('请说明这件物品的用途。', `${use.zh}可以用来${use.useZh}。`, use.zh),
    () => rec('用一句话介绍这个职业。', `${job.zh}在${job.placeZh}工作，每天${job.doesZh}。`, job.zh),
  ])();
}

function create(r: Random): Rec {
  const pairOf = r.pick(opposites);
  const animal = r.pick(animals);
  const food = r.pick(foods.filter(({ taste }) => taste === 'sweet' || taste === 'sour'));
  return r.pick([
    () =>
      rec(
        `写一句关于${animal.zh}的话。`,
        `${animal.zh}生活在${row(homes, animal.home).zh}，喜欢吃${row(meals, animal.food).zh}。`,
      ),
    () => rec(`用“${food.zh}”造一个句子。`, `我喜欢${food.zh}，因为它的味道是${food.tasteZh}的。`),
    () =>
      rec(
        `用一句话描述${animal.zh}。`,
        `${animal.zh}是一种生活在${row(homes, animal.home).zh}的${row(groups, animal.group).zh}。`,
      ),
    () => rec('写出这个词的反义词。', `“${pairOf.zh}”的反义词是“${pairOf.otherZh}”。`, pairOf.zh),
  ])();
}

function calculate(r: Random): Rec {
  const { x, sign, y, result } = sum(r);
  const mark = sign === 'x' ? '×' : sign;
  const p = problemZh(r);
  return r.pick([
    () =>
      rec(r.pick([`${x}${mark}${y}等于多少？`, `请计算${x}${mark}${y}。`]), `${x}${mark}${y}等于${result}。`),
    () => rec('解答下面的应用题。', `${p.steps}${p.answer}`, p.question),
  ])();
}

/** The kinds of task with their share of the sample. */
const kinds: readonly (readonly [number, (r: Random) => Rec])[] = [
  [34, ask],
  [12, list],
  [10, classify],
  [9, rewrite],
  [7, translate],
  [6, complete],
  [5, compare],
  [5, tell],
  [5, explain],
  [4, create],
  [5, calculate],
];

export const taskZh = (r: Random): Rec => r.weighted(kinds)(r);
