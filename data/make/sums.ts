/** Arithmetic in words: small problems with the steps that lead to the answer. */
import { boys, boysZh, girls, girlsZh } from './people.js';
import type { Random } from './random.js';
import { table } from './words.js';

export const numberWords = table(
  ['en', 'zh'],
  `
zero|零
one|一
two|二
three|三
four|四
five|五
six|六
seven|七
eight|八
nine|九
ten|十
eleven|十一
twelve|十二
thirteen|十三
fourteen|十四
fifteen|十五
sixteen|十六
seventeen|十七
eighteen|十八
nineteen|十九
twenty|二十`,
);

/** Things that are counted, with the Chinese measure word. */
export const countable = table(
  ['one', 'many', 'zh', 'measure'],
  `
apple|apples|苹果|个
book|books|书|本
pencil|pencils|铅笔|支
egg|eggs|鸡蛋|个
ball|balls|皮球|个
flower|flowers|花|朵
card|cards|卡片|张
orange|oranges|橙子|个
cake|cakes|蛋糕|个
stamp|stamps|邮票|张
shell|shells|贝壳|个
fish|fish|鱼|条
cookie|cookies|饼干|块
toy|toys|玩具|个
balloon|balloons|气球|个`,
);

export interface Problem {
  question: string;
  /** Sentences that lead to the answer. */
  steps: string;
  answer: string;
}

const count = (n: number, { one, many }: { one: string; many: string }): string =>
  `${n} ${n === 1 ? one : many}`;

/** Numbers that keep sums small: a larger, a smaller one. */
function pair(r: Random): [number, number] {
  const x = r.int(3, 20);
  return [x, r.int(2, Math.min(x - 1, 10))];
}

/** A word problem in English. */
export function problem(r: Random): Problem {
  const girl = r.chance(0.5);
  const name = r.pick(girl ? girls : boys);
  const other = r.pick([...girls, ...boys].filter((n) => n !== name));
  const he = girl ? 'she' : 'he';
  const item = r.pick(countable);
  const [x, y] = pair(r);
  const times = r.int(2, 9);
  const each = r.int(2, 9);
  const kinds: (() => Problem)[] = [
    () => ({
      question: `${name} has ${count(x, item)}. ${other} gives ${girl ? 'her' : 'him'} ${y} more. How many ${item.many} does ${name} have now?`,
      steps: `${name} starts with ${count(x, item)} and gets ${y} more. ${x} + ${y} = ${x + y}.`,
      answer: `${x + y}`,
    }),
    () => ({
      question: `${name} has ${count(x, item)} and gives ${y} to ${other}. How many ${item.many} are left?`,
      steps: `${name} gives away ${y} of ${x} ${item.many}. ${x} - ${y} = ${x - y}.`,
      answer: `${x - y}`,
    }),
    () => ({
      question: `There are ${times} boxes with ${count(each, item)} in each box. How many ${item.many} are there in all?`,
      steps: `Each of the ${times} boxes holds ${count(each, item)}. ${times} x ${each} = ${times * each}.`,
      answer: `${times * each}`,
    }),
    () => ({
      question: `${name} shares ${count(times * each, item)} equally among ${times} friends. How many does each friend get?`,
      steps: `${times * each} ${item.many} are shared by ${times} friends. ${times * each} / ${times} = ${each}.`,
      answer: `${each}`,
    }),
    () => ({
      question: `${name} has ${count(x, item)} and ${other} has ${y}. How many more does ${name} have?`,
      steps: `We compare ${x} with ${y}. ${x} - ${y} = ${x - y}.`,
      answer: `${x - y}`,
    }),
    () => ({
      question: `One ${item.one} costs ${each} dollars. How much do ${times} ${item.many} cost?`,
      steps: `Each ${item.one} costs ${each} dollars. ${times} x ${each} = ${times * each}.`,
      answer: `${times * each} dollars`,
    }),
    () => ({
      question: `${name} is ${x} years old. How old will ${he} be in ${y} years?`,
      steps: `In ${y} years ${name} will be ${y} years older. ${x} + ${y} = ${x + y}.`,
      answer: `${x + y}`,
    }),
    () => ({
      question: `${name} buys ${count(x, item)}, uses ${y} and then buys ${each} more. How many ${item.many} does ${name} have?`,
      steps: `First ${x} - ${y} = ${x - y}. Then ${x - y} + ${each} = ${x - y + each}.`,
      answer: `${x - y + each}`,
    }),
    () => ({
      question: `A train goes ${each * 10} kilometres in one hour. How far does it go in ${times} hours?`,
      steps: `The train goes ${each * 10} kilometres every hour. ${times} x ${each * 10} = ${times * each * 10}.`,
      answer: `${times * each * 10} kilometres`,
    }),
  ];
  return r.pick(kinds)();
}

/** A word problem in Chinese. */
export function problemZh(r: Random): Problem {
  const name = r.pick([...girlsZh, ...boysZh]);
  const other = r.pick([...girlsZh, ...boysZh].filter((n) => n !== name));
  const { zh, measure: m } = r.pick(countable);
  const [x, y] = pair(r);
  const times = r.int(2, 9);
  const each = r.int(2, 9);
  const kinds: (() => Problem)[] = [
    () => ({
      question: `${name}有${x}${m}${zh}，${other}又给了${y}${m}，现在一共有多少${m}？`,
      steps: `${x}+${y}=${x + y}，`,
      answer: `现在一共有${x + y}${m}${zh}。`,
    }),
    () => ({
      question: `${name}有${x}${m}${zh}，送给${other}${y}${m}，还剩多少${m}？`,
      steps: `${x}-${y}=${x - y}，`,
      answer: `还剩${x - y}${m}${zh}。`,
    }),
    () => ({
      question: `有${times}个盒子，每个盒子里有${each}${m}${zh}，一共有多少${m}？`,
      steps: `${times}×${each}=${times * each}，`,
      answer: `一共有${times * each}${m}${zh}。`,
    }),
    () => ({
      question: `把${times * each}${m}${zh}平均分给${times}个人，每人分到多少${m}？`,
      steps: `${times * each}÷${times}=${each}，`,
      answer: `每人分到${each}${m}${zh}。`,
    }),
    () => ({
      question: `${name}有${x}${m}${zh}，${other}有${y}${m}，${name}比${other}多多少${m}？`,
      steps: `${x}-${y}=${x - y}，`,
      answer: `${name}比${other}多${x - y}${m}。`,
    }),
    () => ({
      question: `一${m}${zh}${each}元，买${times}${m}要多少元？`,
      steps: `${each}×${times}=${times * each}，`,
      answer: `一共要${times * each}元。`,
    }),
    () => ({
      question: `${name}今年${x}岁，${y}年后是多少岁？`,
      steps: `${x}+${y}=${x + y}，`,
      answer: `${y}年后${name}${x + y}岁。`,
    }),
  ];
  return r.pick(kinds)();
}

/** A bare sum: its two numbers, the sign and the result. */
export function sum(r: Random): { x: number; sign: '+' | '-' | 'x'; y: number; result: number } {
  const [x, y] = pair(r);
  const sign = r.pick(['+', '-', 'x'] as const);
  if (sign === '+') return { x, sign, y, result: x + y };
  if (sign === '-') return { x, sign, y, result: x - y };
  const small = Math.min(x, 9);
  return { x: small, sign, y: Math.min(y, 9), result: small * Math.min(y, 9) };
}
