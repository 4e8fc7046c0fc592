/** Days, months, seasons and weather. */
import { cap, type Fact, fact, row, say, table } from './words.js';

export const days = table(
  ['en', 'zh'],
  `
Monday|星期一
Tuesday|星期二
Wednesday|星期三
Thursday|星期四
Friday|星期五
Saturday|星期六
Sunday|星期日`,
);

export const months = table(
  ['en', 'zh', 'season'],
  `
January|一月|winter
February|二月|winter
March|三月|spring
April|四月|spring
May|五月|spring
June|六月|summer
July|七月|summer
August|八月|summer
September|九月|autumn
October|十月|autumn
November|十一月|autumn
December|十二月|winter`,
);

export const seasons = table(
  ['en', 'zh', 'weather', 'weatherZh', 'event', 'eventZh'],
  `
spring|春天|warm|温暖|flowers open|花儿开放
summer|夏天|hot|炎热|people swim|人们去游泳
autumn|秋天|cool|凉爽|leaves fall|树叶落下
winter|冬天|cold|寒冷|snow falls|会下雪`,
);

/** Weather, what it does and what to take along. */
export const weathers = table(
  ['en', 'zh', 'advice', 'adviceZh'],
  `
rainy|下雨|take an umbrella|带雨伞
sunny|晴天|wear a hat|戴帽子
snowy|下雪|wear a warm coat|穿厚大衣
windy|刮风|close the windows|关好窗户
cold|天冷|wear a scarf|戴围巾
hot|天热|drink more water|多喝水
foggy|有雾|drive slowly|慢慢开车`,
);

export const ordinals = [
  'first',
  'second',
  'third',
  'fourth',
  'fifth',
  'sixth',
  'seventh',
  'eighth',
  'ninth',
  'tenth',
  'eleventh',
  'twelfth',
];

export function calendarFacts(): Fact[] {
  const facts: Fact[] = [];
  const cycle = (rows: { en: string; zh: string }[], kind: string): void =>
    rows.forEach(({ en, zh }, i) => {
      const next = rows[(i + 1) % rows.length];
      const before = rows[(i + rows.length - 1) % rows.length];
      const unit = kind === 'day' ? ['day', '天'] : ['month', '个月'];
      facts.push(
        fact(
          `next-${kind}`,
          say(
            next.en,
            `The ${unit[0]} after ${en} is ${next.en}.`,
            [`Which ${unit[0]} comes after ${en}?`, `Name the ${unit[0]} that follows ${en}.`],
            [`${next.en} comes after ${en}.`],
          ),
          say(
            next.zh,
            `${zh}的后一${unit[1]}是${next.zh}。`,
            [`${zh}的后一${unit[1]}是什么？`, `${zh}之后是什么？`],
            [`${zh}之后是${next.zh}。`],
          ),
        ),
      );
      facts.push(
        fact(
          `before-${kind}`,
          say(
            before.en,
            `The ${unit[0]} before ${en} is ${before.en}.`,
            [`Which ${unit[0]} comes before ${en}?`],
            [`${before.en} comes before ${en}.`],
          ),
          say(
            before.zh,
            `${zh}的前一${unit[1]}是${before.zh}。`,
            [`${zh}的前一${unit[1]}是什么？`],
            [`${zh}之前是${before.zh}。`],
          ),
        ),
      );
    });
  cycle(days, 'day');
  cycle(months, 'month');
  months.forEach(({ en, zh, season }, i) => {
    const time = row(seasons, season).zh;
    facts.push(
      fact(
        'season',
        say(
          season,
          `${en} is in ${season}.`,
          [`In which season is ${en}?`, `Which season does ${en} belong to?`],
          [`${en} is a month of ${season}.`],
        ),
        say(time, `${zh}是${time}。`, [`${zh}是什么季节？`, `${zh}属于哪个季节？`], [`${zh}属于${time}。`]),
      ),
    );
    facts.push(
      fact(
        'ordinal',
        say(
          en,
          `The ${ordinals[i]} month of the year is ${en}.`,
          [`What is the ${ordinals[i]} month of the year?`],
          [`${en} is the ${ordinals[i]} month of the year.`],
        ),
        say(
          zh,
          `一年的第${i + 1}个月是${zh}。`,
          [`一年的第${i + 1}个月是哪个月？`],
          [`${zh}是一年的第${i + 1}个月。`],
        ),
      ),
    );
  });
  for (const { en, zh, weather, weatherZh, event, eventZh } of seasons) {
    facts.push(
      fact(
        'season',
        say(
          weather,
          `The weather in ${en} is ${weather}.`,
          [`What is the weather like in ${en}?`, `Describe the weather in ${en}.`],
          [`In ${en} it is ${weather} and ${event}.`, `In ${en}, ${event}.`],
        ),
        say(
          weatherZh,
          `${zh}的天气很${weatherZh}。`,
          [`${zh}的天气怎么样？`, `请描述${zh}的天气。`],
          [`${zh}天气${weatherZh}，${eventZh}。`, `在${zh}，${eventZh}。`],
        ),
      ),
    );
  }
  for (const { en, zh, advice, adviceZh } of weathers) {
    facts.push(
      fact(
        'weather',
        say(
          advice,
          `When it is ${en}, you should ${advice}.`,
          [`What should you do when it is ${en}?`, `Give a short tip for a ${en} day.`],
          [`${cap(advice)} on a ${en} day.`, `It is ${en} today, so please ${advice}.`],
        ),
        say(
          adviceZh,
          `${zh}的时候，应该${adviceZh}。`,
          [`${zh}的时候应该做什么？`, `${zh}的时候有什么建议？`],
          [`今天${zh}，请${adviceZh}。`],
        ),
      ),
    );
  }
  return facts;
}
