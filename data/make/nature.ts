/** Animals: legs, kinds, homes, food, sizes, sounds and young. */
import { a, cap, type Fact, fact, row, say, table } from './words.js';

export const groups = table(
  ['en', 'plural', 'zh'],
  `
mammal|mammals|哺乳动物
bird|birds|鸟类
fish|fish|鱼类
insect|insects|昆虫
reptile|reptiles|爬行动物
amphibian|amphibians|两栖动物`,
);

export const homes = table(
  ['en', 'where', 'zh'],
  `
farm|on a farm|农场里
house|in a house|家里
forest|in the forest|森林里
grassland|on the grassland|草原上
sea|in the sea|海里
river|in the river|河里
desert|in the desert|沙漠里
mountain|in the mountains|山里
ice|on the ice|冰雪上
garden|in the garden|花园里
pond|in the pond|池塘里
city|in the city|城市里
tree|in the trees|树上`,
);

export const meals = table(
  ['en', 'zh'],
  `
grass|草
leaves|树叶
meat|肉
fish|鱼
insects|昆虫
seeds|种子
fruit|水果
nuts|坚果
bamboo|竹子
bones|骨头
mice|老鼠
honey|蜂蜜
nectar|花蜜
shrimp|虾
worms|虫子
carrots|胡萝卜
corn|玉米
ants|蚂蚁
plants|植物`,
);

/** Size runs from 1 (an ant) to 9 (a whale). */
export const animals = table(
  ['en', 'plural', 'zh', 'group', 'legs', 'home', 'food', 'size'],
  `
dog|dogs|狗|mammal|4|house|bones|4
cat|cats|猫|mammal|4|house|fish|3
cow|cows|牛|mammal|4|farm|grass|7
horse|horses|马|mammal|4|farm|grass|7
pig|pigs|猪|mammal|4|farm|corn|6
sheep|sheep|绵羊|mammal|4|farm|grass|5
goat|goats|山羊|mammal|4|farm|leaves|5
donkey|donkeys|驴|mammal|4|farm|grass|6
rabbit|rabbits|兔子|mammal|4|garden|carrots|3
mouse|mice|老鼠|mammal|4|house|seeds|2
lion|lions|狮子|mammal|4|grassland|meat|7
tiger|tigers|老虎|mammal|4|forest|meat|7
leopard|leopards|豹子|mammal|4|forest|meat|6
elephant|elephants|大象|mammal|4|grassland|leaves|8
giraffe|giraffes|长颈鹿|mammal|4|grassland|leaves|8
zebra|zebras|斑马|mammal|4|grassland|grass|7
hippo|hippos|河马|mammal|4|river|grass|8
rhino|rhinos|犀牛|mammal|4|grassland|grass|8
monkey|monkeys|猴子|mammal|4|tree|fruit|4
gorilla|gorillas|大猩猩|mammal|4|forest|leaves|6
panda|pandas|大熊猫|mammal|4|mountain|bamboo|6
bear|bears|熊|mammal|4|forest|honey|7
polar bear|polar bears|北极熊|mammal|4|ice|meat|7
wolf|wolves|狼|mammal|4|forest|meat|5
fox|foxes|狐狸|mammal|4|forest|mice|4
deer|deer|鹿|mammal|4|forest|grass|6
camel|camels|骆驼|mammal|4|desert|plants|7
moose|moose|驼鹿|mammal|4|forest|leaves|7
koala|koalas|考拉|mammal|4|tree|leaves|4
squirrel|squirrels|松鼠|mammal|4|tree|nuts|2
hedgehog|hedgehogs|刺猬|mammal|4|garden|insects|2
bat|bats|蝙蝠|mammal|2|forest|insects|2
yak|yaks|牦牛|mammal|4|mountain|grass|7
whale|whales|鲸|mammal|0|sea|shrimp|9
dolphin|dolphins|海豚|mammal|0|sea|fish|6
chicken|chickens|鸡|bird|2|farm|corn|3
duck|ducks|鸭子|bird|2|pond|plants|3
goose|geese|鹅|bird|2|farm|grass|4
sparrow|sparrows|麻雀|bird|2|city|seeds|2
pigeon|pigeons|鸽子|bird|2|city|seeds|2
crow|crows|乌鸦|bird|2|tree|insects|3
owl|owls|猫头鹰|bird|2|forest|mice|3
eagle|eagles|老鹰|bird|2|mountain|meat|4
parrot|parrots|鹦鹉|bird|2|tree|fruit|2
swan|swans|天鹅|bird|2|pond|plants|4
penguin|penguins|企鹅|bird|2|ice|fish|4
ostrich|ostriches|鸵鸟|bird|2|grassland|plants|6
peacock|peacocks|孔雀|bird|2|forest|seeds|4
swallow|swallows|燕子|bird|2|city|insects|2
woodpecker|woodpeckers|啄木鸟|bird|2|tree|insects|2
crane|cranes|鹤|bird|2|river|fish|4
seagull|seagulls|海鸥|bird|2|sea|fish|3
shark|sharks|鲨鱼|fish|0|sea|meat|8
tuna|tuna|金枪鱼|fish|0|sea|fish|6
salmon|salmon|三文鱼|fish|0|river|shrimp|4
goldfish|goldfish|金鱼|fish|0|pond|worms|2
carp|carp|鲤鱼|fish|0|river|plants|3
seahorse|seahorses|海马|fish|0|sea|shrimp|2
ant|ants|蚂蚁|insect|6|garden|seeds|1
bee|bees|蜜蜂|insect|6|garden|nectar|1
butterfly|butterflies|蝴蝶|insect|6|garden|nectar|1
mosquito|mosquitoes|蚊子|insect|6|pond|nectar|1
grasshopper|grasshoppers|蚱蜢|insect|6|grassland|grass|1
beetle|beetles|甲虫|insect|6|forest|leaves|1
dragonfly|dragonflies|蜻蜓|insect|6|pond|insects|1
ladybird|ladybirds|瓢虫|insect|6|garden|insects|1
cricket|crickets|蟋蟀|insect|6|garden|leaves|1
snake|snakes|蛇|reptile|0|forest|mice|3
lizard|lizards|蜥蜴|reptile|4|desert|insects|2
crocodile|crocodiles|鳄鱼|reptile|4|river|meat|7
turtle|turtles|乌龟|reptile|4|pond|worms|3
frog|frogs|青蛙|amphibian|4|pond|insects|2
toad|toads|蟾蜍|amphibian|4|garden|worms|2
newt|newts|蝾螈|amphibian|4|pond|worms|2`,
);

export type Animal = (typeof animals)[number];

export const sounds = table(
  ['en', 'sound', 'zh'],
  `
dog|woof|汪汪
cat|meow|喵喵
cow|moo|哞哞
sheep|baa|咩咩
duck|quack|嘎嘎
pig|oink|哼哼
frog|croak|呱呱
bee|buzz|嗡嗡
mouse|squeak|吱吱
chicken|cluck|咯咯
crow|caw|呀呀
pigeon|coo|咕咕`,
);

export const young = table(
  ['en', 'baby', 'zh'],
  `
dog|puppy|小狗
cat|kitten|小猫
cow|calf|小牛
horse|foal|小马
sheep|lamb|小羊羔
pig|piglet|小猪
lion|cub|小狮子
duck|duckling|小鸭子
chicken|chick|小鸡
frog|tadpole|蝌蚪
goat|kid|小山羊
koala|joey|小考拉`,
);

const article = (group: string): string => (group === 'fish' ? 'a fish' : a(group));
const legsEn = (n: string): string => (n === '0' ? 'no legs' : `${n} legs`);
const legsZh = (n: string): string => (n === '0' ? '没有腿' : `有${n}条腿`);

export function natureFacts(): Fact[] {
  const facts: Fact[] = [];
  for (const { en, plural, zh, group, legs, home, food } of animals) {
    const kind = row(groups, group).zh;
    const place = row(homes, home);
    const meal = row(meals, food).zh;
    facts.push(
      fact(
        'legs',
        say(
          legs,
          `${cap(a(en))} has ${legsEn(legs)}.`,
          [
            `How many legs does ${a(en)} have?`,
            `How many legs do ${plural} have?`,
            `Count the legs of ${a(en)}.`,
          ],
          [`${cap(plural)} have ${legsEn(legs)}.`],
        ),
        say(
          legs,
          `${zh}${legsZh(legs)}。`,
          [`${zh}有几条腿？`, `${zh}一共有多少条腿？`, `请说出${zh}有几条腿。`],
          [`${zh}是${legsZh(legs)}的动物。`],
        ),
      ),
    );
    facts.push(
      fact(
        'group',
        say(
          group,
          `${cap(a(en))} is ${article(group)}.`,
          [
            `What kind of animal is ${a(en)}?`,
            `Which group of animals does ${a(en)} belong to?`,
            `Say what kind of animal ${a(en)} is.`,
          ],
          [`${cap(plural)} are ${row(groups, group).plural}.`, `The ${en} is ${article(group)}.`],
        ),
        say(
          kind,
          `${zh}是一种${kind}。`,
          [`${zh}是什么动物？`, `${zh}属于哪一类动物？`, `请说出${zh}的种类。`],
          [`${zh}属于${kind}。`, `${zh}是${kind}。`],
        ),
      ),
    );
    facts.push(
      fact(
        'home',
        say(
          place.where,
          `${cap(a(en))} lives ${place.where}.`,
          [`Where does ${a(en)} live?`, `Where do ${plural} live?`, `Say where ${a(en)} lives.`],
          [`${cap(plural)} live ${place.where}.`, `You can find ${plural} ${place.where}.`],
        ),
        say(
          place.zh,
          `${zh}生活在${place.zh}。`,
          [`${zh}生活在哪里？`, `${zh}住在什么地方？`, `请告诉我${zh}住在哪里。`],
          [`${zh}住在${place.zh}。`, `在${place.zh}可以看到${zh}。`],
        ),
      ),
    );
    facts.push(
      fact(
        'food',
        say(
          food,
          `${cap(a(en))} eats ${food}.`,
          [`What does ${a(en)} eat?`, `What do ${plural} eat?`, `Name a food of the ${en}.`],
          [`${cap(plural)} eat ${food}.`, `${cap(plural)} like to eat ${food}.`],
        ),
        say(
          meal,
          `${zh}吃${meal}。`,
          [`${zh}吃什么？`, `${zh}喜欢吃什么？`, `请告诉我${zh}的食物。`],
          [`${zh}喜欢吃${meal}。`, `${zh}的食物是${meal}。`],
        ),
      ),
    );
  }
  for (const { en, sound, zh } of sounds) {
    const name = row(animals, en).zh;
    facts.push(
      fact(
        'sound',
        say(
          sound,
          `${cap(a(en))} says "${sound}".`,
          [`What sound does ${a(en)} make?`, `What does ${a(en)} say?`],
          [`The sound of ${a(en)} is "${sound}".`, `"${cap(sound)}," says the ${en}.`],
        ),
        say(
          zh,
          `${name}的叫声是“${zh}”。`,
          [`${name}怎么叫？`, `${name}的叫声是什么？`],
          [`${name}“${zh}”地叫。`, `“${zh}”是${name}的叫声。`],
        ),
      ),
    );
  }
  for (const { en, baby, zh } of young) {
    const name = row(animals, en).zh;
    facts.push(
      fact(
        'young',
        say(
          baby,
          `A baby ${en} is called a ${baby}.`,
          [`What is a baby ${en} called?`, `What do we call a young ${en}?`],
          [`A ${baby} is a young ${en}.`, `A young ${en} is called a ${baby}.`],
        ),
        say(
          zh,
          `${name}的宝宝叫${zh}。`,
          [`${name}的宝宝叫什么？`, `${name}的孩子叫什么？`],
          [`${zh}是${name}的孩子。`],
        ),
      ),
    );
  }
  return facts;
}
