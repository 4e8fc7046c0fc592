/** Opposites, synonyms, verbs, plurals and pairs of sentences for translation. */
import { type Fact, fact, say, table } from './words.js';

export const opposites = table(
  ['en', 'other', 'zh', 'otherZh'],
  `
hot|cold|热|冷
big|small|大|小
tall|short|高|矮
fast|slow|快|慢
happy|sad|高兴|难过
old|new|旧|新
good|bad|好|坏
early|late|早|晚
long|short|长|短
rich|poor|富|穷
light|dark|明亮|黑暗
hard|soft|硬|软
strong|weak|强|弱
clean|dirty|干净|肮脏
full|empty|满|空
wet|dry|湿|干
up|down|上|下
left|right|左|右
open|closed|开|关
easy|difficult|容易|困难
loud|quiet|吵闹|安静
brave|afraid|勇敢|害怕
cheap|expensive|便宜|昂贵
near|far|近|远
day|night|白天|黑夜
inside|outside|里面|外面
always|never|总是|从不
begin|end|开始|结束
buy|sell|买|卖
win|lose|赢|输
love|hate|爱|恨
thick|thin|厚|薄
deep|shallow|深|浅
heavy|light|重|轻
safe|dangerous|安全|危险
front|back|前|后
young|old|年轻|年老
true|false|真|假
remember|forget|记住|忘记
wide|narrow|宽|窄
sweet|bitter|甜|苦
polite|rude|礼貌|粗鲁`,
);

export const synonyms = table(
  ['en', 'other', 'zh', 'otherZh'],
  `
happy|glad|高兴|开心
big|large|巨大|庞大
small|little|微小|细小
fast|quick|快速|迅速
smart|clever|聪明|机灵
begin|start|开始|起初
beautiful|pretty|美丽|漂亮
angry|mad|生气|愤怒
sad|unhappy|难过|伤心
quiet|silent|安静|宁静
hard|difficult|困难|艰难
rich|wealthy|富有|富裕
correct|right|正确|对
end|finish|结束|完结
help|aid|帮助|援助
scared|afraid|害怕|恐惧
funny|amusing|有趣|好玩
important|major|重要|关键
brave|bold|勇敢|英勇
tired|weary|疲倦|劳累
kind|nice|善良|仁慈
famous|well-known|有名|著名
choose|pick|选择|挑选
speak|talk|说话|讲话`,
);

/** Verbs: base form, past, -ing form; the ending of a sentence that suits the verb. */
export const verbs = table(
  ['en', 'past', 'ing', 'tail', 'zh', 'tailZh'],
  `
go|went|going|to school|去|学校
eat|ate|eating|an apple|吃|苹果
drink|drank|drinking|some milk|喝|牛奶
see|saw|seeing|a bird|看见|一只鸟
run|ran|running|in the park|跑|步
swim|swam|swimming|in the lake|游|泳
sing|sang|singing|a song|唱|歌
write|wrote|writing|a letter|写|信
read|read|reading|a book|看|书
buy|bought|buying|some bread|买|面包
make|made|making|a cake|做|蛋糕
take|took|taking|a photo|拍|照片
give|gave|giving|a gift|送|礼物
find|found|finding|a key|找到|钥匙
catch|caught|catching|a fish|抓|鱼
teach|taught|teaching|English|教|英语
sleep|slept|sleeping|in the bedroom|睡|觉
draw|drew|drawing|a picture|画|画
ride|rode|riding|a horse|骑|马
drive|drove|driving|a car|开|车
build|built|building|a house|盖|房子
wear|wore|wearing|a hat|戴|帽子
speak|spoke|speaking|Chinese|说|汉语
play|played|playing|football|踢|足球
watch|watched|watching|a film|看|电影
clean|cleaned|cleaning|the room|打扫|房间
cook|cooked|cooking|dinner|做|晚饭
open|opened|opening|the window|打开|窗户
wash|washed|washing|the dishes|洗|碗
visit|visited|visiting|a friend|看望|朋友`,
);

export const plurals = table(
  ['en', 'plural'],
  `
child|children
man|men
woman|women
foot|feet
tooth|teeth
mouse|mice
goose|geese
box|boxes
bus|buses
city|cities
baby|babies
leaf|leaves
knife|knives
wolf|wolves
party|parties
story|stories
watch|watches
dish|dishes
book|books
tree|trees
dog|dogs
sheep|sheep`,
);

/** Sentences with the same meaning. */
export const sentences = table(
  ['en', 'zh'],
  `
Good morning.|早上好。
Good night.|晚安。
Thank you very much.|非常感谢你。
How are you?|你好吗？
I am fine.|我很好。
What is your name?|你叫什么名字？
Nice to meet you.|很高兴认识你。
See you tomorrow.|明天见。
I love my family.|我爱我的家人。
She is my best friend.|她是我最好的朋友。
He is reading a book.|他正在看书。
The cat is sleeping on the chair.|猫正在椅子上睡觉。
The weather is very good today.|今天天气很好。
It is raining outside.|外面正在下雨。
I want to drink some water.|我想喝水。
Where is the library?|图书馆在哪里？
How much is this?|这个多少钱？
I do not understand.|我不明白。
Please speak slowly.|请说慢一点。
We go to school every day.|我们每天去上学。
My father is a doctor.|我爸爸是医生。
My mother likes flowers.|我妈妈喜欢花。
The train is very fast.|火车非常快。
The moon is very bright tonight.|今晚的月亮很亮。
Children like to play games.|孩子们喜欢玩游戏。
There is a tree in front of the house.|房子前面有一棵树。
I get up at seven every morning.|我每天早上七点起床。
He works in a hospital.|他在医院工作。
They are playing football.|他们正在踢足球。
Please open the window.|请打开窗户。
Please close the door.|请关上门。
I can speak English.|我会说英语。
She can swim very well.|她游泳游得很好。
The book is on the table.|书在桌子上。
Time is very important.|时间很重要。
Reading makes people wise.|读书使人聪明。
I am learning Chinese.|我正在学习汉语。
We should help each other.|我们应该互相帮助。
Spring is my favourite season.|春天是我最喜欢的季节。
The sun rises in the east.|太阳从东方升起。
Happy birthday to you.|祝你生日快乐。
I miss my home.|我想家了。
Tomorrow is Sunday.|明天是星期日。
He bought a new car.|他买了一辆新车。
The soup is too hot.|汤太烫了。
I forgot my umbrella.|我忘了带雨伞。
Do you like music?|你喜欢音乐吗？
She sings very well.|她唱歌唱得很好。
Let us go home.|我们回家吧。
Have a good trip.|祝你旅途愉快。`,
);

/** Sentences with a clear feeling: positive or negative. */
export const moods = table(
  ['mood', 'en', 'zh'],
  `
positive|I love this film.|我很喜欢这部电影。
positive|The food was great.|饭菜非常好吃。
positive|What a wonderful day.|今天真是美好的一天。
positive|The service was excellent.|服务非常好。
positive|I am so happy with my new phone.|我对新手机非常满意。
positive|The teacher was kind and helpful.|老师又和气又热心。
positive|We had a lovely holiday.|我们度过了愉快的假期。
positive|This book is very interesting.|这本书很有意思。
positive|The room was clean and bright.|房间干净又明亮。
positive|I will come back again soon.|我很快还会再来。
negative|I hate this film.|我讨厌这部电影。
negative|The food was cold and bad.|饭菜又冷又难吃。
negative|What a terrible day.|今天真是糟糕的一天。
negative|The service was very slow.|服务非常慢。
negative|My new phone is already broken.|我的新手机已经坏了。
negative|The waiter was rude to us.|服务员对我们很粗鲁。
negative|We lost our bags on the trip.|我们在旅途中丢了行李。
negative|This book is very boring.|这本书很无聊。
negative|The room was dirty and dark.|房间又脏又暗。
negative|I will never come back here.|我再也不会来这里了。`,
);

export function languageFacts(): Fact[] {
  const facts: Fact[] = [];
  for (const { en, other, zh, otherZh } of opposites) {
    facts.push(
      fact(
        'opposite',
        say(
          other,
          `The opposite of "${en}" is "${other}".`,
          [
            `What is the opposite of "${en}"?`,
            `Give the opposite of "${en}".`,
            `Which word means the opposite of "${en}"?`,
          ],
          [`"${en}" and "${other}" are opposites.`, `When something is not ${en}, it may be ${other}.`].slice(
            0,
            /begin|buy|win|love|remember|day|front/.test(en) ? 1 : 2,
          ),
        ),
        say(
          otherZh,
          `“${zh}”的反义词是“${otherZh}”。`,
          [`“${zh}”的反义词是什么？`, `请写出“${zh}”的反义词。`, `哪个词和“${zh}”的意思相反？`],
          [`“${zh}”和“${otherZh}”是一对反义词。`],
        ),
      ),
    );
  }
  for (const { en, other, zh, otherZh } of synonyms) {
    facts.push(
      fact(
        'synonym',
        say(
          other,
          `A word with the same meaning as "${en}" is "${other}".`,
          [`Give a synonym of "${en}".`, `Which word means the same as "${en}"?`],
          [`"${en}" and "${other}" have the same meaning.`, `"${other}" is a synonym of "${en}".`],
        ),
        say(
          otherZh,
          `“${zh}”的近义词是“${otherZh}”。`,
          [`“${zh}”的近义词是什么？`, `请写出“${zh}”的近义词。`],
          [`“${zh}”和“${otherZh}”意思相近。`],
        ),
      ),
    );
  }
  for (const { en, past, ing, tail, zh, tailZh } of verbs) {
    const act = `${zh}${tailZh}`;
    facts.push(
      fact(
        'past',
        say(
          past,
          `The past tense of "${en}" is "${past}".`,
          [`What is the past tense of "${en}"?`, `Give the past tense of "${en}".`],
          [`Today I ${en} ${tail}, and yesterday I ${past} ${tail}.`, `I am ${ing} ${tail} now.`],
        ),
        say(
          act,
          `“${en} ${tail}”的意思是“${act}”。`,
          [`“${en} ${tail}”是什么意思？`, `“${en} ${tail}”用中文怎么说？`],
          [`“${act}”用英语说是“${en} ${tail}”。`],
        ),
      ),
    );
  }
  for (const { en, zh } of sentences) {
    facts.push(
      fact(
        'sentence',
        say(
          zh,
          `"${en}" in Chinese is “${zh}”`,
          [`How do you say "${en}" in Chinese?`],
          [`The sentence “${zh}” means "${en}"`],
        ),
        say(en, `“${zh}”用英语说是“${en}”`, [`“${zh}”用英语怎么说？`], [`“${en}”的意思是“${zh}”`]),
      ),
    );
  }
  return facts;
}
