/** Names, jobs with their tools and places, family relations, parts of the body. */
import { a, cap, type Fact, fact, say, table } from './words.js';

export const girls = ['Anna', 'Lily', 'Mary', 'Emma', 'Sara', 'Lucy', 'Nina', 'Kate', 'Rosa', 'Mia'];
export const boys = ['Tom', 'Ben', 'Jack', 'Sam', 'Leo', 'Max', 'Peter', 'Adam', 'Paul', 'Noah'];
export const girlsZh = ['小红', '小丽', '小美', '小兰', '小雪', '小芳'];
export const boysZh = ['小明', '小刚', '小华', '小强', '小军', '小亮'];

export const jobs = table(
  ['en', 'zh', 'does', 'doesZh', 'place', 'placeZh', 'tool', 'toolZh'],
  `
teacher|老师|teaches students|教学生|school|学校|book|书
doctor|医生|helps sick people|给病人看病|hospital|医院|stethoscope|听诊器
nurse|护士|takes care of sick people|照顾病人|hospital|医院|thermometer|温度计
farmer|农民|grows food|种庄稼|farm|农场|tractor|拖拉机
cook|厨师|makes meals|做饭菜|restaurant|餐馆|pot|锅
baker|面包师|bakes bread|烤面包|bakery|面包店|oven|烤箱
firefighter|消防员|puts out fires|灭火|fire station|消防站|hose|水管
police officer|警察|keeps people safe|保护人们的安全|police station|警察局|whistle|哨子
carpenter|木匠|makes things from wood|做木工|workshop|工作间|hammer|锤子
painter|画家|paints pictures|画画|studio|画室|brush|画笔
writer|作家|writes books|写书|study|书房|pen|钢笔
pilot|飞行员|flies planes|开飞机|airport|机场|plane|飞机
sailor|水手|sails ships|驾驶轮船|port|港口|compass|指南针
driver|司机|drives a bus|开车|bus station|汽车站|bus|公共汽车
tailor|裁缝|makes clothes|做衣服|clothes shop|服装店|needle|针
singer|歌手|sings songs|唱歌|theatre|剧院|microphone|话筒
dentist|牙医|takes care of teeth|治牙|clinic|诊所|mirror|镜子
gardener|园丁|takes care of plants|照料花草|garden|花园|shovel|铲子
fisherman|渔夫|catches fish|捕鱼|lake|湖边|net|渔网
scientist|科学家|studies nature|研究自然|laboratory|实验室|microscope|显微镜
programmer|程序员|writes programs|写程序|office|办公室|computer|电脑
librarian|图书管理员|looks after books|管理图书|library|图书馆|catalogue|目录
photographer|摄影师|takes photos|拍照片|studio|摄影棚|camera|照相机
musician|音乐家|plays music|演奏音乐|concert hall|音乐厅|violin|小提琴
postman|邮递员|delivers letters|送信|post office|邮局|bicycle|自行车
waiter|服务员|serves food|端菜|restaurant|餐馆|tray|托盘
builder|建筑工人|builds houses|盖房子|building site|工地|brick|砖头
barber|理发师|cuts hair|理发|barber shop|理发店|scissors|剪刀`,
);

export const family = table(
  ['en', 'zh', 'is', 'isZh'],
  `
father's father|爸爸的爸爸|grandfather|爷爷
father's mother|爸爸的妈妈|grandmother|奶奶
mother's father|妈妈的爸爸|grandfather|外公
mother's mother|妈妈的妈妈|grandmother|外婆
mother's sister|妈妈的姐妹|aunt|姨妈
mother's brother|妈妈的兄弟|uncle|舅舅
father's sister|爸爸的姐妹|aunt|姑姑
father's younger brother|爸爸的弟弟|uncle|叔叔
uncle's son|叔叔的儿子|cousin|堂兄弟
brother's daughter|兄弟的女儿|niece|侄女
brother's son|兄弟的儿子|nephew|侄子`,
);

export const body = table(
  ['en', 'zh', 'use', 'useZh'],
  `
eyes|眼睛|see|看东西
ears|耳朵|hear|听声音
nose|鼻子|smell|闻气味
tongue|舌头|taste|尝味道
hands|手|hold things|拿东西
legs|腿|walk|走路
teeth|牙齿|chew food|嚼食物
lungs|肺|breathe|呼吸
brain|大脑|think|思考
heart|心脏|pump blood|输送血液
stomach|胃|digest food|消化食物`,
);

/** Places people go to and what they do there. */
export const places = table(
  ['en', 'zh', 'act', 'actZh'],
  `
park|公园|take a walk|散步
school|学校|learn|学习
library|图书馆|read books|看书
hospital|医院|see a doctor|看病
market|市场|buy vegetables|买菜
beach|海滩|swim|游泳
zoo|动物园|see animals|看动物
museum|博物馆|look at old things|参观文物
cinema|电影院|watch films|看电影
bank|银行|save money|存钱
post office|邮局|send letters|寄信
restaurant|餐馆|eat meals|吃饭
station|车站|take a train|坐火车
bakery|面包店|buy bread|买面包
gym|体育馆|do sports|运动`,
);

export function peopleFacts(): Fact[] {
  const facts: Fact[] = [];
  for (const { en, zh, does, doesZh, place, placeZh, tool, toolZh } of jobs) {
    const toolEn = tool === 'scissors' ? tool : a(tool);
    const at =
      en === 'farmer' || en === 'builder'
        ? `on ${a(place)}`
        : en === 'fisherman'
          ? 'at a lake'
          : `in ${a(place)}`;
    facts.push(
      fact(
        'job',
        say(
          does,
          `${cap(a(en))} ${does}.`,
          [`What does ${a(en)} do?`, `Describe the job of ${a(en)}.`],
          [`The work of the ${en} is important: the ${en} ${does}.`, `A person who ${does} is ${a(en)}.`],
        ),
        say(
          doesZh,
          `${zh}的工作是${doesZh}。`,
          [`${zh}是做什么的？`, `请介绍${zh}的工作。`],
          [`${zh}每天${doesZh}。`, `${doesZh}是${zh}的工作。`],
        ),
      ),
    );
    facts.push(
      fact(
        'workplace',
        say(
          place,
          `${cap(a(en))} works ${at}.`,
          [`Where does ${a(en)} work?`, `Name the place where ${a(en)} works.`],
          [`You can meet ${a(en)} ${at}.`],
        ),
        say(
          placeZh,
          `${zh}在${placeZh}工作。`,
          [`${zh}在哪里工作？`, `请说出${zh}工作的地方。`],
          [`${zh}工作的地方是${placeZh}。`],
        ),
      ),
    );
    facts.push(
      fact(
        'tool',
        say(
          tool,
          `${cap(a(en))} uses ${toolEn}.`,
          [`Which tool does ${a(en)} use?`, `Name a tool of ${a(en)}.`],
          [`The ${en} needs ${toolEn} for the work.`],
        ),
        say(
          toolZh,
          `${zh}工作时会用到${toolZh}。`,
          [`${zh}使用什么工具？`, `请说出${zh}的一种工具。`],
          [`${toolZh}是${zh}的工具。`],
        ),
      ),
    );
  }
  for (const { en, zh, is, isZh } of family) {
    facts.push(
      fact(
        'family',
        say(
          is,
          `Your ${en} is your ${is}.`,
          [`Who is your ${en}?`, `What do you call your ${en}?`],
          [`We call our ${en} our ${is}.`],
        ),
        say(isZh, `${zh}是${isZh}。`, [`${zh}是谁？`, `${zh}应该怎么称呼？`], [`${zh}叫做${isZh}。`]),
      ),
    );
  }
  for (const { en, zh, use, useZh } of body) {
    const many = /[^g]s$|^teeth$|^lungs$|^legs$/.test(en);
    facts.push(
      fact(
        'body',
        say(
          use,
          `We use our ${en} to ${use}.`,
          [`What do we use our ${en} for?`, `What ${many ? 'are' : 'is'} the ${en} for?`],
          [`Our ${en} ${many ? 'help' : 'helps'} us ${use}.`],
        ),
        say(
          useZh,
          `我们用${zh}来${useZh}。`,
          [`${zh}有什么作用？`, `我们用${zh}做什么？`],
          [`${zh}可以${useZh}。`],
        ),
      ),
    );
  }
  for (const { en, zh, act, actZh } of places) {
    facts.push(
      fact(
        'place',
        say(
          act,
          `People go to the ${en} to ${act}.`,
          [`Why do people go to the ${en}?`, `What can you do at the ${en}?`],
          [`You can ${act} at the ${en}.`],
        ),
        say(
          actZh,
          `人们去${zh}${actZh}。`,
          [`人们去${zh}做什么？`, `在${zh}可以做什么？`],
          [`在${zh}可以${actZh}。`],
        ),
      ),
    );
  }
  return facts;
}
