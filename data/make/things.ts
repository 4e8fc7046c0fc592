/** Foods, colours, materials, household objects, vehicles and clothes. */
import { a, cap, type Fact, fact, row, say, table } from './words.js';

export const colours = table(
  ['en', 'zh'],
  `
red|红色
yellow|黄色
green|绿色
blue|蓝色
white|白色
black|黑色
brown|棕色
orange|橙色
purple|紫色
pink|粉色
grey|灰色`,
);

export const foodKinds = table(
  ['en', 'plural', 'zh'],
  `
fruit|fruits|水果
vegetable|vegetables|蔬菜
drink|drinks|饮料
grain|grains|谷物`,
);

export const foods = table(
  ['en', 'plural', 'zh', 'kind', 'colour', 'taste', 'tasteZh'],
  `
apple|apples|苹果|fruit|red|sweet|甜
banana|bananas|香蕉|fruit|yellow|sweet|甜
lemon|lemons|柠檬|fruit|yellow|sour|酸
orange|oranges|橙子|fruit|orange|sweet|甜
pear|pears|梨|fruit|yellow|sweet|甜
peach|peaches|桃子|fruit|pink|sweet|甜
plum|plums|李子|fruit|purple|sour|酸
cherry|cherries|樱桃|fruit|red|sweet|甜
strawberry|strawberries|草莓|fruit|red|sweet|甜
blueberry|blueberries|蓝莓|fruit|blue|sweet|甜
watermelon|watermelons|西瓜|fruit|green|sweet|甜
mango|mangoes|芒果|fruit|yellow|sweet|甜
pineapple|pineapples|菠萝|fruit|yellow|sweet|甜
coconut|coconuts|椰子|fruit|brown|sweet|甜
grape|grapes|葡萄|fruit|purple|sweet|甜
lime|limes|青柠|fruit|green|sour|酸
carrot|carrots|胡萝卜|vegetable|orange|sweet|甜
potato|potatoes|土豆|vegetable|brown|plain|清淡
tomato|tomatoes|西红柿|vegetable|red|sour|酸
cabbage|cabbages|卷心菜|vegetable|green|plain|清淡
onion|onions|洋葱|vegetable|white|hot|辣
cucumber|cucumbers|黄瓜|vegetable|green|plain|清淡
pumpkin|pumpkins|南瓜|vegetable|orange|sweet|甜
pepper|peppers|辣椒|vegetable|red|hot|辣
mushroom|mushrooms|蘑菇|vegetable|white|plain|清淡
bean|beans|豆子|vegetable|green|plain|清淡
spinach|-|菠菜|vegetable|green|plain|清淡
garlic|-|大蒜|vegetable|white|hot|辣
milk|-|牛奶|drink|white|sweet|甜
tea|-|茶|drink|green|bitter|苦
coffee|-|咖啡|drink|brown|bitter|苦
cola|-|可乐|drink|black|sweet|甜
rice|-|大米|grain|white|plain|清淡
wheat|-|小麦|grain|brown|plain|清淡
corn|-|玉米|grain|yellow|sweet|甜`,
);

export type Food = (typeof foods)[number];

/** The food as the subject of a sentence in general: "apples are" or "milk is". */
export const foodIs = (f: Food): string => (f.plural === '-' ? `${f.en} is` : `${f.plural} are`);
export const foodName = (f: Food): string => (f.plural === '-' ? f.en : f.plural);

/** Other things of one well-known colour. */
export const coloured = table(
  ['en', 'zh', 'colour'],
  `
the sky|天空|blue
the sea|大海|blue
the sun|太阳|yellow
grass|草|green
snow|雪|white
blood|血|red
coal|煤|black
chocolate|巧克力|brown
the night|夜晚|black
a cloud|云|white
a fire engine|消防车|red
a swan|天鹅|white
a crow|乌鸦|black
an elephant|大象|grey
a frog|青蛙|green
a flamingo|火烈鸟|pink`,
);

/** What objects are made of. */
export const made = table(
  ['en', 'zh', 'material', 'materialZh'],
  `
window|窗户|glass|玻璃
bottle|瓶子|glass|玻璃
mirror|镜子|glass|玻璃
table|桌子|wood|木头
chair|椅子|wood|木头
pencil|铅笔|wood|木头
book|书|paper|纸
newspaper|报纸|paper|纸
kite|风筝|paper|纸
key|钥匙|metal|金属
nail|钉子|metal|金属
coin|硬币|metal|金属
tyre|轮胎|rubber|橡胶
shoe|鞋子|leather|皮革
belt|皮带|leather|皮革
sweater|毛衣|wool|羊毛
scarf|围巾|wool|羊毛
shirt|衬衫|cotton|棉布
towel|毛巾|cotton|棉布
plate|盘子|porcelain|陶瓷
cup|杯子|porcelain|陶瓷
bucket|水桶|plastic|塑料
toothbrush|牙刷|plastic|塑料`,
);

/** What we do with objects. */
export const uses = table(
  ['en', 'zh', 'use', 'useZh'],
  `
knife|刀|cut food|切食物
pen|钢笔|write|写字
spoon|勺子|eat soup|喝汤
umbrella|雨伞|stay dry in the rain|挡雨
clock|时钟|tell the time|看时间
bed|床|sleep|睡觉
lamp|灯|give light|照明
fridge|冰箱|keep food cold|冷藏食物
phone|电话|talk to people far away|和远方的人说话
broom|扫帚|sweep the floor|扫地
key|钥匙|open a door|开门
camera|照相机|take pictures|拍照
scissors|剪刀|cut paper|剪纸
soap|肥皂|wash our hands|洗手
pot|锅|cook food|煮饭
map|地图|find the way|找路
ruler|尺子|measure length|量长度
telescope|望远镜|look at the stars|看星星
thermometer|温度计|measure temperature|测量温度
needle|针|sew clothes|缝衣服
towel|毛巾|dry our hands|擦手
backpack|书包|carry books|装书`,
);

/** Rooms of a house and what is done there. */
export const rooms = table(
  ['en', 'zh', 'act', 'actZh', 'item', 'itemZh'],
  `
kitchen|厨房|cook food|做饭|a stove|炉子
bedroom|卧室|sleep|睡觉|a bed|床
bathroom|浴室|take a shower|洗澡|a bathtub|浴缸
living room|客厅|watch television|看电视|a sofa|沙发
dining room|餐厅|eat dinner|吃晚饭|a table|桌子
study|书房|read books|看书|a desk|书桌
garage|车库|park the car|停车|a car|汽车`,
);

/** Vehicles and where they travel. */
export const vehicles = table(
  ['en', 'zh', 'where', 'whereZh', 'size'],
  `
car|汽车|on the road|路上|4
bus|公共汽车|on the road|路上|6
bicycle|自行车|on the road|路上|2
truck|卡车|on the road|路上|5
train|火车|on rails|铁轨上|8
ship|轮船|on the water|水上|9
boat|小船|on the water|水上|3
plane|飞机|in the air|空中|7
helicopter|直升机|in the air|空中|5`,
);

export const clothes = table(
  ['en', 'zh'],
  `
shirt|衬衫
coat|大衣
hat|帽子
skirt|裙子
dress|连衣裙
sweater|毛衣
scarf|围巾
jacket|夹克`,
);

const aThing = (noun: string): string => (['scissors', 'soap'].includes(noun) ? noun : a(noun));

export function thingFacts(): Fact[] {
  const facts: Fact[] = [];
  for (const f of foods) {
    const kind = row(foodKinds, f.kind);
    const colour = row(colours, f.colour).zh;
    const one = f.plural === '-' ? f.en : a(f.en);
    facts.push(
      fact(
        'foodKind',
        say(
          f.kind,
          `${cap(one)} is ${a(f.kind)}.`,
          [`What kind of food is ${one}?`, `Say what kind of food ${one} is.`],
          [`${cap(foodIs(f))} ${f.plural === '-' ? a(f.kind) : kind.plural}.`],
        ),
        say(
          kind.zh,
          `${f.zh}是一种${kind.zh}。`,
          [`${f.zh}属于哪类食物？`, `${f.zh}是哪一种食物？`],
          [`${f.zh}属于${kind.zh}。`],
        ),
      ),
    );
    facts.push(
      fact(
        'foodColour',
        say(
          f.colour,
          `${cap(foodIs(f))} ${f.colour}.`,
          [`What colour is ${one}?`, `Tell me the usual colour of ${foodName(f)}.`],
          [
            `The colour of ${one} is ${f.colour}.`,
            `${cap(foodName(f))} usually look ${f.colour}.`.replace(
              f.plural === '-' ? 'look' : '\0',
              'looks',
            ),
          ],
        ),
        say(
          colour,
          `${f.zh}是${colour}的。`,
          [`${f.zh}是什么颜色的？`, `请说出${f.zh}的颜色。`],
          [`${f.zh}的颜色是${colour}。`],
        ),
      ),
    );
    facts.push(
      fact(
        'taste',
        say(
          f.taste,
          `${cap(foodName(f))} ${f.plural === '-' ? 'tastes' : 'taste'} ${f.taste}.`,
          [`What does ${one} taste like?`, `How ${f.plural === '-' ? 'does' : 'do'} ${foodName(f)} taste?`],
          [`The taste of ${one} is ${f.taste}.`],
        ),
        say(
          f.tasteZh,
          `${f.zh}的味道是${f.tasteZh}的。`,
          [`${f.zh}是什么味道？`, `${f.zh}吃起来是什么味道？`].slice(0, f.kind === 'drink' ? 1 : 2),
          [`${f.zh}${f.kind === 'drink' ? '喝' : '吃'}起来是${f.tasteZh}的。`],
        ),
      ),
    );
  }
  for (const { en, zh, colour } of coloured) {
    const tint = row(colours, colour).zh;
    facts.push(
      fact(
        'colour',
        say(
          colour,
          `${cap(en)} is ${colour}.`,
          [`What colour is ${en}?`, `Tell me the colour of ${en}.`],
          [`The colour of ${en} is ${colour}.`],
        ),
        say(
          tint,
          `${zh}是${tint}的。`,
          [`${zh}是什么颜色的？`, `请说出${zh}的颜色。`],
          [`${zh}的颜色是${tint}。`],
        ),
      ),
    );
  }
  for (const { en, zh, material, materialZh } of made) {
    facts.push(
      fact(
        'material',
        say(
          material,
          `${cap(a(en))} is made of ${material}.`,
          [`What is ${a(en)} made of?`, `Which material is used to make ${a(en)}?`],
          [`People make ${a(en)} from ${material}.`],
        ),
        say(
          materialZh,
          `${zh}是用${materialZh}做的。`,
          [`${zh}是用什么做的？`, `${zh}用哪种材料制成？`],
          [`人们用${materialZh}做${zh}。`],
        ),
      ),
    );
  }
  for (const { en, zh, use, useZh } of uses) {
    facts.push(
      fact(
        'use',
        say(
          use,
          `We use ${aThing(en)} to ${use}.`,
          [
            `What do we use ${aThing(en)} for?`,
            `Explain what ${aThing(en)} ${en === 'scissors' ? 'are' : 'is'} used for.`,
          ],
          [`${cap(aThing(en))} can help us ${use}.`, `To ${use}, we need ${aThing(en)}.`],
        ),
        say(
          useZh,
          `${zh}可以用来${useZh}。`,
          [`${zh}有什么用？`, `请说明${zh}的用途。`],
          [`我们用${zh}${useZh}。`, `${zh}的用途是${useZh}。`],
        ),
      ),
    );
  }
  for (const { en, zh, act, actZh, item, itemZh } of rooms) {
    facts.push(
      fact(
        'room',
        say(
          act,
          `We ${act} in the ${en}.`,
          [`What do we do in the ${en}?`, `What is the ${en} for?`],
          [`The ${en} is the room where we ${act}.`, `In the ${en} there is ${item}.`],
        ),
        say(
          actZh,
          `我们在${zh}里${actZh}。`,
          [`我们在${zh}里做什么？`, `${zh}是做什么用的？`],
          [`${zh}是${actZh}的地方。`, `${zh}里有${itemZh}。`],
        ),
      ),
    );
  }
  for (const { en, zh, where, whereZh } of vehicles) {
    facts.push(
      fact(
        'vehicle',
        say(
          where,
          `${cap(a(en))} travels ${where}.`,
          [`Where does ${a(en)} travel?`],
          [`${cap(a(en))} moves ${where}.`],
        ),
        say(
          whereZh,
          `${zh}在${whereZh}行驶。`.replace('空中行驶', '空中飞行'),
          [`${zh}在哪里行驶？`.replace(whereZh === '空中' ? '行驶' : '\0', '飞行')],
          [`${zh}是一种交通工具。`],
        ),
      ),
    );
  }
  return facts;
}
