/** Little stories: a hero, a place, something that goes wrong, somebody who helps, an ending. */
import { boys, boysZh, girls, girlsZh, places } from './people.js';
import type { Random } from './random.js';
import { a, cap, fill, table } from './words.js';

/** What happens, in three steps, with the lesson; {n} is the hero, {f} the friend, {t} a thing. */
const plots = table(
  ['topic', 'trouble', 'help', 'lesson', 'topicZh', 'troubleZh', 'helpZh', 'lessonZh'],
  `
losing something|{n} lost {his} {t} and began to cry.|{f} looked under every tree and found the {t}.|A good friend helps you when you are sad.|丢东西|{n}弄丢了{t}，急得哭了。|{f}在每棵树下找了一遍，终于找到了{t}。|难过的时候，好朋友会帮助你。
sharing|{n} had {a_t}, but {f} had nothing to play with.|{n} said, "Let us play together," and they shared the {t}.|Sharing makes everyone happy.|分享|{n}有{t}，可是{f}什么玩具也没有。|{n}说：“我们一起玩吧。”他们高兴地玩了起来。|分享让大家都快乐。
rain|Dark clouds came and it began to rain.|{f} opened a big umbrella, and they walked home together.|It is good to be ready for bad weather.|下雨|天上飘来乌云，下起了大雨。|{f}撑开一把大伞，他们一起走回家。|出门前要做好准备。
a lost bird|{n} saw a little bird that could not fly.|{n} and {f} gave it water and seeds, and it grew strong.|We should be kind to animals.|小鸟|{n}看见一只飞不起来的小鸟。|{n}和{f}给它喂水喂米，小鸟慢慢好了起来。|我们要爱护动物。
being late|{n} got up late and missed the bus.|{f} walked with {him}, and they ran all the way.|It is better to get up early.|迟到|{n}起床晚了，没赶上公共汽车。|{f}陪着{him}一路跑了过去。|早睡早起才不会迟到。
telling the truth|{n} broke a cup and was afraid to say so.|{f} said, "Tell the truth," and {n} said sorry.|Telling the truth is brave.|诚实|{n}打破了一个杯子，不敢说出来。|{f}说：“要说真话。”于是{n}道了歉。|诚实是勇敢的表现。
learning|{n} could not ride a bicycle and fell down.|{f} held the bicycle, and {n} tried again and again.|If you keep trying, you will learn.|学习|{n}不会骑自行车，摔了一跤。|{f}扶着车子，{n}试了一次又一次，终于学会了。|只要坚持，就能学会。
being hungry|{n} was very hungry and had no food.|{f} gave {him} half of {his_f} bread.|A small gift can be a great help.|挨饿|{n}肚子很饿，可是没有吃的。|{f}把自己的面包分给{him}一半。|小小的帮助也很珍贵。
getting lost|{n} took a wrong road and could not find the way.|{f} had a map and showed {him} the way home.|Ask for help when you need it.|迷路|{n}走错了路，找不到回家的方向。|{f}拿出地图，带{him}回了家。|需要的时候要学会求助。
a race|{n} ran very fast and then stopped to sleep.|{f} walked slowly but did not stop, and {f} won.|Do not be too proud.|比赛|{n}跑得很快，可是中途睡着了。|{f}走得很慢，却一直没有停，最后赢了。|做事不能骄傲。
a gift|Tomorrow was {f}'s birthday, but {n} had no money.|{n} drew a beautiful picture and gave it to {f}.|The best gifts come from the heart.|礼物|明天是{f}的生日，可是{n}没有钱。|{n}画了一幅美丽的画送给{f}。|用心的礼物最珍贵。
fear|{n} heard a strange noise and was afraid.|{f} took a lamp and saw that it was only the wind.|Many fears are smaller than they look.|害怕|{n}听到奇怪的声音，心里很害怕。|{f}拿着灯一看，原来只是风声。|勇敢一点，害怕就会变小。
cleaning|There was paper all over the ground.|{n} and {f} picked it all up and put it in a bin.|We should keep our town clean.|打扫|地上到处都是纸屑。|{n}和{f}把纸屑捡起来，扔进了垃圾桶。|我们要爱护环境。
a quarrel|{n} and {f} both wanted the {t} and began to shout.|In the end {n} said sorry and gave {f} the {t}.|Saying sorry can save a friendship.|吵架|{n}和{f}都想要{t}，吵了起来。|最后{n}说了对不起，把{t}让给了{f}。|学会道歉，友谊更长久。`,
);

const toys = table(
  ['en', 'zh'],
  `
red ball|红皮球
blue kite|蓝风筝
little boat|小船
toy car|玩具车
story book|故事书
new hat|新帽子
yellow drum|黄色小鼓
wooden horse|木马`,
);

const creatures = table(
  ['en', 'zh'],
  `
rabbit|小兔子
fox|小狐狸
bear|小熊
mouse|小老鼠
duck|小鸭子
turtle|小乌龟
squirrel|小松鼠
cat|小猫
dog|小狗
monkey|小猴子`,
);

const moodsEn = ['sunny', 'warm', 'cold', 'windy', 'quiet', 'beautiful', 'fine'];
const moodsZh = ['晴朗', '温暖', '寒冷', '安静', '美好', '凉爽'];
const traitsEn = ['kind', 'brave', 'clever', 'little', 'happy', 'young', 'curious'];
const traitsZh = ['善良', '勇敢', '聪明', '可爱', '快乐', '好奇'];

export const topics = plots.map(({ topic, topicZh }) => ({ en: topic, zh: topicZh }));

/** The plot of a topic, which is named in either language. */
function plotOf(topic: string): (typeof plots)[number] {
  const plot = plots.find((p) => p.topic === topic || p.topicZh === topic);
  if (!plot) throw new Error(`no story about ${topic}`);
  return plot;
}

/** The lesson of the stories about a topic. */
export const lesson = (topic: string): { en: string; zh: string } => {
  const plot = plotOf(topic);
  return { en: plot.lesson, zh: plot.lessonZh };
};

/** A story in English; about one topic when its name is given; `brief` leaves out what an answer can spare. */
export function story(r: Random, topic?: string, brief = false): string {
  const plot = topic === undefined ? r.pick(plots) : plotOf(topic);
  const girl = r.chance(0.5);
  const name = r.pick(girl ? girls : boys);
  const friend = r.pick([...girls, ...boys].filter((n) => n !== name));
  const toy = r.pick(toys).en;
  const slots = {
    n: name,
    f: friend,
    t: toy,
    a_t: a(toy),
    his: girl ? 'her' : 'his',
    him: girl ? 'her' : 'him',
    his_f: girls.includes(friend) ? 'her' : 'his',
  };
  const mood = r.pick(moodsEn);
  const kind = r.pick(creatures).en;
  const who = r.chance(0.4)
    ? `${a(r.pick(traitsEn))} ${kind} named ${name}`
    : `${a(r.pick(traitsEn))} ${girl ? 'girl' : 'boy'} named ${name}`;
  const where = r.pick(places).en;
  const time = r.pick(['morning', 'afternoon', 'day']);
  const start = r.pick([
    `Once upon a time there was ${who}.`,
    `There was once ${who}.`,
    `${cap(who)} lived near the ${where}.`,
  ]);
  const walk = r.pick([
    `One ${mood} ${time}, ${name} and ${friend} went to the ${where}.`,
    `It was ${a(mood)} ${time}, and ${name} met ${friend} at the ${where}.`,
    `On ${a(mood)} ${time} ${name} was at the ${where} with ${friend}.`,
  ]);
  const end = r.pick([
    'They were both very happy.',
    `"Thank you," said ${name}.`,
    'They smiled and went home.',
    'From that day on they were best friends.',
  ]);
  const events = [fill(plot.trouble, slots), fill(plot.help, slots)];
  return (brief ? [walk, ...events, plot.lesson] : [start, walk, ...events, end, plot.lesson]).join(' ');
}

/** The same in Chinese. */
export function storyZh(r: Random, topic?: string, brief = false): string {
  const plot = topic === undefined ? r.pick(plots) : plotOf(topic);
  const beast = r.chance(0.4);
  const girl = r.chance(0.5);
  const name = beast ? r.pick(creatures).zh : r.pick(girl ? girlsZh : boysZh);
  const friend = beast
    ? r.pick(creatures.filter((c) => c.zh !== name)).zh
    : r.pick([...girlsZh, ...boysZh].filter((n) => n !== name));
  const slots = { n: name, f: friend, t: r.pick(toys).zh, him: beast ? '它' : girl ? '她' : '他' };
  const where = r.pick(places).zh;
  const mood = r.pick(moodsZh);
  const trait = r.pick(traitsZh);
  const start = r.pick([
    `从前，有一${beast ? '只' : '个'}${trait}的${beast ? '' : '孩子叫'}${name}。`,
    `${name}是一${beast ? '只' : '个'}${trait}的${beast ? '小动物' : '孩子'}。`,
  ]);
  const walk = r.pick([
    `一个${mood}的日子，${name}和${friend}来到${where}。`,
    `有一天，${name}和${friend}一起去${where}。`,
    `这一天，${name}在${where}遇见了${friend}。`,
  ]);
  const end = r.pick([
    '他们都很开心。',
    `${name}说：“谢谢你！”`,
    '他们高高兴兴地回家了。',
    '从此他们成了最好的朋友。',
  ]);
  const events = [fill(plot.troubleZh, slots), fill(plot.helpZh, slots)];
  return (
    brief ? [`${name}和${friend}来到${where}。`, ...events] : [start, walk, ...events, end, plot.lessonZh]
  ).join('');
}
