/** Simple facts of science and daily life, each with a question in both languages. */
import { type Fact, fact, say, table } from './words.js';

/** Question, short answer and full answer, in English and then in Chinese. */
const rows = table(
  ['ask', 'short', 'en', 'askZh', 'shortZh', 'zh'],
  `
Which planet do we live on?|the Earth|We live on the planet Earth.|我们生活在哪颗行星上？|地球|我们生活在地球上。
Which planet is the largest?|Jupiter|Jupiter is the largest planet of the solar system.|太阳系中最大的行星是哪颗？|木星|木星是太阳系中最大的行星。
Which planet is closest to the sun?|Mercury|Mercury is the planet closest to the sun.|离太阳最近的行星是哪颗？|水星|水星是离太阳最近的行星。
Which planet is called the red planet?|Mars|Mars is called the red planet.|哪颗行星被称为红色行星？|火星|火星被称为红色行星。
How many planets are in the solar system?|eight|There are eight planets in the solar system.|太阳系有几颗行星？|八颗|太阳系有八颗行星。
Is the sun a star or a planet?|a star|The sun is a star.|太阳是恒星还是行星？|恒星|太阳是一颗恒星。
What moves around the Earth?|the moon|The moon moves around the Earth.|什么绕着地球转？|月球|月球绕着地球转。
Where does the sun rise?|in the east|The sun rises in the east.|太阳从哪边升起？|东边|太阳从东边升起。
Where does the sun set?|in the west|The sun sets in the west.|太阳从哪边落下？|西边|太阳从西边落下。
At what temperature does water freeze?|0 degrees|Water freezes at 0 degrees Celsius.|水在多少度结冰？|0度|水在0摄氏度结冰。
At what temperature does water boil?|100 degrees|Water boils at 100 degrees Celsius.|水在多少度沸腾？|100度|水在100摄氏度沸腾。
What is ice made of?|water|Ice is frozen water.|冰是什么变成的？|水|冰是水结成的。
What does water become when it boils?|steam|When water boils, it becomes steam.|水烧开后变成什么？|水蒸气|水烧开后变成水蒸气。
What do plants need to grow?|water and light|Plants need water, air and sunlight to grow.|植物生长需要什么？|水和阳光|植物生长需要水、空气和阳光。
Which gas do people breathe in?|oxygen|People breathe in oxygen.|人呼吸需要哪种气体？|氧气|人呼吸需要氧气。
Which gas do plants take in?|carbon dioxide|Plants take in carbon dioxide.|植物吸收哪种气体？|二氧化碳|植物吸收二氧化碳。
Why do leaves look green?|because of chlorophyll|Leaves look green because they have chlorophyll.|树叶为什么是绿色的？|因为有叶绿素|树叶是绿色的，因为里面有叶绿素。
Why does it rain?|water falls from clouds|It rains because small drops of water in the clouds become heavy and fall.|为什么会下雨？|云里的水滴落下来|云里的小水滴变重后落下来，就成了雨。
Why do we have day and night?|the Earth turns|We have day and night because the Earth turns around once a day.|为什么有白天和黑夜？|地球在自转|因为地球每天自转一圈，所以有白天和黑夜。
Why do we have seasons?|the Earth moves around the sun|We have seasons because the tilted Earth moves around the sun.|为什么会有四季？|地球绕太阳转|地球斜着身子绕太阳转，所以有四季。
Why do things fall down?|gravity|Things fall down because gravity pulls them to the ground.|东西为什么会往下掉？|因为重力|因为重力把东西拉向地面。
Why should we sleep well?|to rest the body|We should sleep well so that our body and brain can rest.|为什么要睡好觉？|让身体休息|睡好觉可以让身体和大脑得到休息。
Why should we wash our hands?|to remove germs|We should wash our hands to remove germs and stay healthy.|为什么要洗手？|去掉细菌|洗手可以去掉细菌，保持健康。
Why should we drink water?|the body needs it|We should drink water because our body needs it to work well.|为什么要喝水？|身体需要水|因为身体需要水才能正常工作。
Why should we do sports?|to stay healthy|Sports make our body strong and keep us healthy.|为什么要做运动？|保持健康|运动使身体强壮，让人保持健康。
Why should we read books?|to learn|We should read books to learn new things.|为什么要读书？|学习知识|读书可以让我们学到新知识。
Why should we save water?|clean water is limited|We should save water because clean water is limited.|为什么要节约用水？|干净的水有限|因为干净的水是有限的，所以要节约用水。
Why do we plant trees?|they make the air clean|We plant trees because they make the air clean.|为什么要种树？|使空气清新|树木可以使空气清新，所以我们要种树。
Why do we brush our teeth?|to keep them clean|We brush our teeth to keep them clean and healthy.|为什么要刷牙？|保持牙齿干净|刷牙可以让牙齿保持干净和健康。
How many days are in a week?|seven|There are seven days in a week.|一个星期有几天？|七天|一个星期有七天。
How many months are in a year?|twelve|There are twelve months in a year.|一年有几个月？|十二个月|一年有十二个月。
How many hours are in a day?|24|There are 24 hours in a day.|一天有多少个小时？|24个小时|一天有24个小时。
How many minutes are in an hour?|60|There are 60 minutes in an hour.|一小时有多少分钟？|60分钟|一小时有60分钟。
How many seconds are in a minute?|60|There are 60 seconds in a minute.|一分钟有多少秒？|60秒|一分钟有60秒。
How many days are in a year?|365|There are 365 days in a normal year.|一年有多少天？|365天|平年一年有365天。
How many seasons are in a year?|four|There are four seasons in a year.|一年有几个季节？|四个|一年有四个季节。
How many sides does a triangle have?|three|A triangle has three sides.|三角形有几条边？|三条|三角形有三条边。
How many sides does a square have?|four|A square has four sides.|正方形有几条边？|四条|正方形有四条边。
How many colours does a rainbow have?|seven|A rainbow has seven colours.|彩虹有几种颜色？|七种|彩虹有七种颜色。
How many letters are in the English alphabet?|26|There are 26 letters in the English alphabet.|英语有多少个字母？|26个|英语有26个字母。
How many fingers does a hand have?|five|A hand has five fingers.|一只手有几根手指？|五根|一只手有五根手指。
How many centimetres are in a metre?|100|There are 100 centimetres in a metre.|一米有多少厘米？|100厘米|一米等于100厘米。
How many metres are in a kilometre?|1000|There are 1000 metres in a kilometre.|一千米有多少米？|1000米|一千米等于1000米。
How many grams are in a kilogram?|1000|There are 1000 grams in a kilogram.|一千克有多少克？|1000克|一千克等于1000克。
What is the largest ocean?|the Pacific Ocean|The Pacific Ocean is the largest ocean.|最大的海洋是什么？|太平洋|太平洋是最大的海洋。
What is the highest mountain?|Mount Everest|Mount Everest is the highest mountain in the world.|世界上最高的山是什么？|珠穆朗玛峰|珠穆朗玛峰是世界上最高的山。
What is the largest continent?|Asia|Asia is the largest continent.|最大的洲是哪个？|亚洲|亚洲是最大的洲。
What is the longest river in China?|the Yangtze|The Yangtze is the longest river in China.|中国最长的河流是什么？|长江|长江是中国最长的河流。
What is the largest country?|Russia|Russia is the largest country in the world.|世界上最大的国家是哪个？|俄罗斯|俄罗斯是世界上面积最大的国家。
What is the largest animal?|the blue whale|The blue whale is the largest animal.|最大的动物是什么？|蓝鲸|蓝鲸是最大的动物。
What is the tallest animal?|the giraffe|The giraffe is the tallest animal.|最高的动物是什么？|长颈鹿|长颈鹿是最高的动物。
What is the largest bird?|the ostrich|The ostrich is the largest bird.|最大的鸟是什么？|鸵鸟|鸵鸟是最大的鸟。
What do bees make?|honey|Bees make honey.|蜜蜂会酿什么？|蜂蜜|蜜蜂会酿蜂蜜。
What do cows give us?|milk|Cows give us milk.|奶牛给我们什么？|牛奶|奶牛给我们牛奶。
What does a caterpillar become?|a butterfly|A caterpillar becomes a butterfly.|毛毛虫会变成什么？|蝴蝶|毛毛虫会变成蝴蝶。
What is paper made from?|wood|Paper is made from wood.|纸是用什么做的？|木材|纸是用木材做的。
What is bread made from?|flour|Bread is made from flour and water.|面包是用什么做的？|面粉|面包是用面粉和水做的。
What is glass made from?|sand|Glass is made from sand.|玻璃是用什么做的？|沙子|玻璃是用沙子做的。
What is salt used for?|to flavour food|Salt is used to flavour food.|盐有什么用？|调味|盐可以给食物调味。
What is a computer?|a machine that works with data|A computer is a machine that works with data by following a program.|什么是电脑？|处理数据的机器|电脑是按照程序处理数据的机器。
What is the internet?|a network of computers|The internet is a network that connects computers all over the world.|什么是互联网？|连接电脑的网络|互联网是连接全世界电脑的网络。
What is a robot?|a machine that can do work|A robot is a machine that can do work for people.|什么是机器人？|能干活的机器|机器人是能替人干活的机器。
What is a dictionary?|a book of words|A dictionary is a book that explains the meaning of words.|什么是词典？|解释词语的书|词典是解释词语意思的书。
What is a friend?|a person who helps you|A friend is a person who likes you and helps you.|什么是朋友？|互相帮助的人|朋友是喜欢你、愿意帮助你的人。
What is a desert?|a dry place|A desert is a very dry place with little rain.|什么是沙漠？|干燥的地方|沙漠是雨水很少、非常干燥的地方。
What is an island?|land with water around it|An island is land with water all around it.|什么是岛屿？|四面环水的陆地|岛屿是四面被水包围的陆地。
What is a volcano?|a mountain that throws out hot rock|A volcano is a mountain that can throw out hot rock.|什么是火山？|会喷岩浆的山|火山是会喷出岩浆的山。
What is the Spring Festival?|the Chinese New Year|The Spring Festival is the Chinese New Year.|春节是什么节日？|中国的新年|春节是中国的农历新年。
What do people eat at the Mid-Autumn Festival?|mooncakes|At the Mid-Autumn Festival people eat mooncakes.|中秋节吃什么？|月饼|中秋节人们吃月饼。
What do people eat at the Dragon Boat Festival?|zongzi|At the Dragon Boat Festival people eat zongzi.|端午节吃什么？|粽子|端午节人们吃粽子。
What colour is a traffic light when we stop?|red|We stop when the traffic light is red.|什么颜色的灯亮时要停下？|红色|红灯亮时要停下。
What colour is a traffic light when we go?|green|We go when the traffic light is green.|什么颜色的灯亮时可以走？|绿色|绿灯亮时可以走。
What do we get when we mix blue and yellow?|green|Blue and yellow make green.|蓝色和黄色混合是什么颜色？|绿色|蓝色和黄色混合成绿色。
What do we get when we mix red and yellow?|orange|Red and yellow make orange.|红色和黄色混合是什么颜色？|橙色|红色和黄色混合成橙色。
What do we get when we mix red and white?|pink|Red and white make pink.|红色和白色混合是什么颜色？|粉色|红色和白色混合成粉色。
Who wrote the play Hamlet?|Shakespeare|Shakespeare wrote the play Hamlet.|《哈姆雷特》是谁写的？|莎士比亚|《哈姆雷特》是莎士比亚写的。
Who wrote the poem "Quiet Night Thoughts"?|Li Bai|Li Bai wrote the poem "Quiet Night Thoughts".|《静夜思》是谁写的？|李白|《静夜思》是李白写的。
Who painted the Mona Lisa?|Leonardo da Vinci|Leonardo da Vinci painted the Mona Lisa.|《蒙娜丽莎》是谁画的？|达芬奇|《蒙娜丽莎》是达芬奇画的。
Who was the first person on the moon?|Neil Armstrong|Neil Armstrong was the first person on the moon.|第一个登上月球的人是谁？|阿姆斯特朗|第一个登上月球的人是阿姆斯特朗。`,
);

/** Steps for simple tasks, in order. */
export const howTos = table(
  ['en', 'steps', 'zh', 'stepsZh'],
  `
make tea|Boil some water. Put tea leaves in a cup. Pour the hot water and wait three minutes.|泡茶|先烧开水，再把茶叶放进杯子，倒入热水，等三分钟。
wash your hands|Wet your hands. Rub them with soap. Rinse them with clean water and dry them.|洗手|先打湿双手，再抹上肥皂搓一搓，用清水冲洗，最后擦干。
boil an egg|Put the egg in a pot of water. Heat the water. Wait eight minutes and cool the egg.|煮鸡蛋|把鸡蛋放进锅里，加水烧开，煮八分钟，再放凉。
plant a tree|Dig a hole. Put the young tree in it. Fill the hole with soil and water the tree.|种树|先挖一个坑，放入小树苗，填上土，再浇水。
make a sandwich|Take two slices of bread. Put cheese and tomato between them. Cut the sandwich in half.|做三明治|拿两片面包，中间放上奶酪和西红柿，再切成两半。
cook rice|Wash the rice. Put it in a pot with water. Cook it for twenty minutes.|煮米饭|先把米洗干净，放进锅里加水，煮二十分钟。
cross the road safely|Stop at the edge of the road. Look left and right. Walk when no car is coming.|安全过马路|先在路边停下，左右看一看，没有车时再走过去。
write a letter|Greet your friend. Tell your news. Say goodbye and sign your name.|写信|先问候朋友，再写你的近况，最后写上祝福和名字。
clean a room|Pick up the things on the floor. Sweep the floor. Open the window for fresh air.|打扫房间|先收好地上的东西，再扫地，然后打开窗户通风。
learn new words|Read each word aloud. Write it down. Use it in a sentence every day.|学习新词|先大声朗读，再写下来，每天用它造句。
stay healthy|Eat fruit and vegetables. Sleep eight hours. Do some sport every day.|保持健康|多吃水果和蔬菜，睡够八小时，每天做运动。
save money|Write down what you spend. Buy only what you need. Put some money in the bank.|存钱|记下每笔花费，只买需要的东西，把余钱存进银行。
make new friends|Smile and say hello. Ask about their hobbies. Be kind and listen well.|交新朋友|微笑着打招呼，问问对方的爱好，友好地倾听。
save electricity|Turn off the lights when you leave. Use the fan less. Choose good lamps.|节约用电|离开时关灯，少开空调，选用节能灯。`,
);

export const scienceFacts = (): Fact[] => [
  ...rows.map((r) => fact('science', say(r.short, r.en, [r.ask]), say(r.shortZh, r.zh, [r.askZh]))),
  ...howTos.map((h) =>
    fact(
      'how',
      say(h.steps, h.steps, [`How do you ${h.en}?`, `Describe how to ${h.en}.`], [`To ${h.en}: ${h.steps}`]),
      say(h.stepsZh, h.stepsZh, [`怎样${h.zh}？`, `请说明${h.zh}的步骤。`], [`${h.zh}的方法：${h.stepsZh}`]),
    ),
  ),
];
