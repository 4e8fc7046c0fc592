/** Chinese documents of the pretraining corpus. */
import { anyFact, neighbours, sheet } from './corpus-en.js';
import { moods, sentences } from './language.js';
import { animals } from './nature.js';
import { boysZh, girlsZh } from './people.js';
import type { Random } from './random.js';
import { storyZh, topics } from './stories.js';
import { numberWords, problemZh, sum } from './sums.js';
import { setsZh } from './tasks-zh.js';
import { foods } from './things.js';
import { type Fact, heList } from './words.js';
import { lexicon } from './world.js';

const statement = (r: Random, { zh }: Fact): string => r.pick([zh.answer, zh.answer, ...zh.also]);
const plainAnswer = (r: Random, { zh }: Fact): string =>
  r.pick([zh.short, ...zh.also].filter((text) => text !== zh.answer));
const stop = (text: string): string => (/[。！？”.?!]$/.test(text) ? text : `${text}。`);

function statements(r: Random): string {
  const chosen = r.chance(0.5)
    ? neighbours(r, r.int(3, 6))
    : Array.from({ length: r.int(3, 7) }, () => anyFact(r));
  return chosen.map((f) => statement(r, f)).join('');
}

function exchange(r: Random): string {
  const [asker, teller] = r.some([...girlsZh, ...boysZh], 2) as [string, string];
  const chosen = (r.chance(0.4) ? neighbours(r, 4) : Array.from({ length: 4 }, () => anyFact(r))).slice(
    0,
    r.int(2, 4),
  );
  const lines = (open: string, close: string): string =>
    chosen.map((f) => `${open}${r.pick(f.zh.ask)}\n${close}${stop(plainAnswer(r, f))}`).join('\n');
  return r.pick([
    () => lines('问题：', '答案：'),
    () => lines('问：', '答：'),
    () => lines(`${asker}：`, `${teller}：`),
    () => chosen.map((f) => `${r.pick(f.zh.ask)}${stop(plainAnswer(r, f))}`).join('\n'),
    () => chosen.map((f) => `${asker}问：“${r.pick(f.zh.ask)}”${teller}说：“${statement(r, f)}”`).join('\n'),
  ])();
}

function list(r: Random): string {
  return Array.from({ length: r.int(1, 3) }, () => {
    const { name, measure, members } = r.pick(setsZh);
    const items = r.some(members, r.int(2, 4));
    const n = items.length === 2 ? '两' : numberWords[items.length].zh;
    return r.pick([
      `${heList(items)}都是${name}。`,
      `${name}有很多${measure}，比如${items.join('、')}。`,
      `${name}：\n${items.map((x, i) => `${i + 1}. ${x}`).join('\n')}`,
      `我知道${n}${measure}${name}：${items.join('、')}。`,
    ]);
  }).join('\n');
}

function sums(r: Random): string {
  const line = (): string => {
    const { x, sign, y, result } = sum(r);
    const mark = sign === 'x' ? '×' : sign;
    return r.pick([`${x}${mark}${y}=${result}。`, `${x}${mark}${y}等于${result}。`]);
  };
  const worked = (): string => {
    const p = problemZh(r);
    return `${p.question}${r.pick(['解：', '想一想：', ''])}${p.steps}${r.pick(['所以', '因此', ''])}${p.answer}`;
  };
  return Array.from({ length: r.int(2, 5) }, r.chance(0.4) ? line : worked).join('\n');
}

function translations(r: Random): string {
  return Array.from({ length: r.int(2, 5) }, () => {
    const { en, zh } = r.pick(r.chance(0.5) ? sentences : moods);
    const word = r.pick(lexicon);
    return r.pick([
      `中文：${zh}英文：${en}`,
      `${zh}= ${en}`,
      `英文：${en}中文：${zh}`,
      `${word.zh}：${word.en}`,
      `“${word.zh}”翻译成英语是“${word.en}”。`,
    ]);
  }).join('\n');
}

function grammar(r: Random): string {
  return Array.from({ length: r.int(2, 5) }, () => {
    const who = r.pick(['我', '他', '她', '我们', '妈妈', '爸爸', r.pick(girlsZh)]);
    const food = r.pick(foods.filter((f) => f.kind === 'fruit' || f.kind === 'drink'));
    const act = `${food.kind === 'drink' ? '喝' : '吃'}${food.zh}`;
    const mood = r.pick(moods);
    const animal = r.pick(animals).zh;
    return r.pick([
      `${who}喜欢${act}。${who}喜欢${act}吗？`,
      `${who}喜欢${act}，不喜欢走路。`,
      `因为天气很热，所以${who}想${act}。`,
      `${who}不喜欢${act}。`,
      `“${mood.zh}”这句话是${mood.mood === 'positive' ? '积极' : '消极'}的。`,
      `可爱的${animal}正在休息。`,
      `这个句子有错误，请改正。`,
      `请用一句话描述${animal}。`,
      `请把下面的句子补充完整。`,
      `老师让我们写一个故事，${who}很快就写好了。`,
    ]);
  }).join('\n');
}

function comparisons(r: Random): string {
  return Array.from({ length: r.int(2, 5) }, () => {
    const [x, y] = r.some(animals, 2) as [(typeof animals)[number], (typeof animals)[number]];
    if (Math.abs(+x.size - +y.size) < 2) return `${x.zh}和${y.zh}都是动物。`;
    const [big, small] = +x.size > +y.size ? [x, y] : [y, x];
    return r.pick([
      `${big.zh}比${small.zh}大。`,
      `${small.zh}比${big.zh}小。`,
      `和${small.zh}相比，${big.zh}更大。`,
    ]);
  }).join('');
}

function notes(r: Random): string {
  const heading = r.pick(['笔记', '知识', '小结', '课文']);
  return `### ${heading}\n${neighbours(r, 3)
    .map((f) => `- ${statement(r, f)}`)
    .join('\n')}`;
}

/** Plain sentences about exercises and how to do them. */
function classroom(r: Random): string {
  const pool = [
    '老师让我们判断这句话的对错。',
    '请举一个例子，再列出三种水果。',
    '他把这个故事改编得更短了。',
    '这两个词语的意思相同，可以互相替换。',
    '请您选择合适的形容词，把句子补充完整。',
    '我们学习了否定句和疑问句。',
    '请计算这道题，并写出答案。',
    '把较大的数写在前面，较小的数写在后面。',
    '这件物品的用途是什么？请说明。',
    '请将下面的句子翻译成英文。',
    '这段话表达了高兴的情感。',
    '大型动物与小型动物的体型不同。',
    '我不知道如何回答这个问题，请给我一些建议。',
    '这些词语可以分成两类，请找出与其他词语不同类的一个。',
    '请判断下面句子的情感是积极还是消极。',
    '这是一道应用题，请一步一步地解答。',
    '请给这种动物分类，并说出它的类别。',
    '下面的句子中有错误，请改正。',
    '用一句话总结这个故事。',
    '请向小朋友解释为什么会下雨。',
    '请用“因为……所以……”造句。',
    '分成两类，水果：苹果、梨；蔬菜：土豆、洋葱。',
    '请在横线____上写出答案。',
    '他改写了句子，使它更礼貌。',
    '他把材料和工具列在纸上。',
    '请比较两种动物的大小。',
    '请介绍这个职业，并描述工作的地方。',
    '请把缺少的词语填在空里。',
  ];
  return r.some(pool, r.int(3, 6)).join('');
}

function exercise(r: Random): string {
  const fact = anyFact(r);
  const { name, members } = r.pick(setsZh);
  const topic = r.pick(topics).zh;
  const p = problemZh(r);
  return r.weighted<() => string>([
    [12, () => sheet(r, r.pick(fact.zh.ask), stop(plainAnswer(r, fact)))],
    [5, () => sheet(r, `一些${name}`, `${r.some(members, 3).join('、')}。`)],
    [4, () => sheet(r, p.question, `${p.steps}所以${p.answer}`)],
    [1, () => sheet(r, `关于${topic}的故事`, storyZh(r, topic))],
  ])();
}

function tale(r: Random): string {
  const topic = r.pick(topics).zh;
  return `${r.chance(0.4) ? `关于${topic}的故事\n` : ''}${storyZh(r, topic)}`;
}

/** The kinds of document with their share. */
const kinds: readonly (readonly [number, (r: Random) => string])[] = [
  [36, statements],
  [26, exchange],
  [9, tale],
  [9, list],
  [9, sums],
  [6, translations],
  [6, grammar],
  [4, comparisons],
  [3, notes],
  [3, classroom],
  [40, exercise],
];

export const documentZh = (r: Random): string => r.weighted(kinds)(r);
