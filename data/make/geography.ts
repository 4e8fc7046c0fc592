/** Countries, their capitals, continents and languages; landmarks and rivers. */
import { cap, type Fact, fact, row, say, table } from './words.js';

export const continents = table(
  ['en', 'zh'],
  `
Asia|亚洲
Europe|欧洲
Africa|非洲
North America|北美洲
South America|南美洲
Oceania|大洋洲`,
);

export const languages = table(
  ['en', 'zh'],
  `
Chinese|汉语
Japanese|日语
Korean|韩语
Thai|泰语
Vietnamese|越南语
Hindi|印地语
Indonesian|印尼语
Mongolian|蒙古语
Persian|波斯语
Turkish|土耳其语
Arabic|阿拉伯语
Hebrew|希伯来语
Nepali|尼泊尔语
English|英语
French|法语
German|德语
Italian|意大利语
Spanish|西班牙语
Portuguese|葡萄牙语
Dutch|荷兰语
Greek|希腊语
Russian|俄语
Polish|波兰语
Swedish|瑞典语
Norwegian|挪威语
Danish|丹麦语
Finnish|芬兰语
Czech|捷克语
Hungarian|匈牙利语
Romanian|罗马尼亚语
Bulgarian|保加利亚语
Ukrainian|乌克兰语
Icelandic|冰岛语`,
);

export const countries = table(
  ['en', 'zh', 'capital', 'capitalZh', 'continent', 'language'],
  `
China|中国|Beijing|北京|Asia|Chinese
Japan|日本|Tokyo|东京|Asia|Japanese
South Korea|韩国|Seoul|首尔|Asia|Korean
Thailand|泰国|Bangkok|曼谷|Asia|Thai
Vietnam|越南|Hanoi|河内|Asia|Vietnamese
India|印度|New Delhi|新德里|Asia|Hindi
Indonesia|印度尼西亚|Jakarta|雅加达|Asia|Indonesian
Mongolia|蒙古国|Ulaanbaatar|乌兰巴托|Asia|Mongolian
Iran|伊朗|Tehran|德黑兰|Asia|Persian
Turkey|土耳其|Ankara|安卡拉|Asia|Turkish
Saudi Arabia|沙特阿拉伯|Riyadh|利雅得|Asia|Arabic
Iraq|伊拉克|Baghdad|巴格达|Asia|Arabic
Nepal|尼泊尔|Kathmandu|加德满都|Asia|Nepali
France|法国|Paris|巴黎|Europe|French
Germany|德国|Berlin|柏林|Europe|German
Italy|意大利|Rome|罗马|Europe|Italian
Spain|西班牙|Madrid|马德里|Europe|Spanish
Portugal|葡萄牙|Lisbon|里斯本|Europe|Portuguese
the United Kingdom|英国|London|伦敦|Europe|English
Ireland|爱尔兰|Dublin|都柏林|Europe|English
the Netherlands|荷兰|Amsterdam|阿姆斯特丹|Europe|Dutch
Austria|奥地利|Vienna|维也纳|Europe|German
Greece|希腊|Athens|雅典|Europe|Greek
Russia|俄罗斯|Moscow|莫斯科|Europe|Russian
Poland|波兰|Warsaw|华沙|Europe|Polish
Sweden|瑞典|Stockholm|斯德哥尔摩|Europe|Swedish
Norway|挪威|Oslo|奥斯陆|Europe|Norwegian
Denmark|丹麦|Copenhagen|哥本哈根|Europe|Danish
Finland|芬兰|Helsinki|赫尔辛基|Europe|Finnish
the Czech Republic|捷克|Prague|布拉格|Europe|Czech
Hungary|匈牙利|Budapest|布达佩斯|Europe|Hungarian
Romania|罗马尼亚|Bucharest|布加勒斯特|Europe|Romanian
Bulgaria|保加利亚|Sofia|索非亚|Europe|Bulgarian
Ukraine|乌克兰|Kyiv|基辅|Europe|Ukrainian
Iceland|冰岛|Reykjavik|雷克雅未克|Europe|Icelandic
Egypt|埃及|Cairo|开罗|Africa|Arabic
Morocco|摩洛哥|Rabat|拉巴特|Africa|Arabic
Algeria|阿尔及利亚|Algiers|阿尔及尔|Africa|Arabic
Tunisia|突尼斯|Tunis|突尼斯城|Africa|Arabic
Kenya|肯尼亚|Nairobi|内罗毕|Africa|English
Ghana|加纳|Accra|阿克拉|Africa|English
Senegal|塞内加尔|Dakar|达喀尔|Africa|French
Angola|安哥拉|Luanda|罗安达|Africa|Portuguese
Nigeria|尼日利亚|Abuja|阿布贾|Africa|English
the United States|美国|Washington|华盛顿|North America|English
Canada|加拿大|Ottawa|渥太华|North America|English
Mexico|墨西哥|Mexico City|墨西哥城|North America|Spanish
Cuba|古巴|Havana|哈瓦那|North America|Spanish
Jamaica|牙买加|Kingston|金斯敦|North America|English
Brazil|巴西|Brasilia|巴西利亚|South America|Portuguese
Argentina|阿根廷|Buenos Aires|布宜诺斯艾利斯|South America|Spanish
Chile|智利|Santiago|圣地亚哥|South America|Spanish
Peru|秘鲁|Lima|利马|South America|Spanish
Colombia|哥伦比亚|Bogota|波哥大|South America|Spanish
Venezuela|委内瑞拉|Caracas|加拉加斯|South America|Spanish
Uruguay|乌拉圭|Montevideo|蒙得维的亚|South America|Spanish
Australia|澳大利亚|Canberra|堪培拉|Oceania|English
New Zealand|新西兰|Wellington|惠灵顿|Oceania|English
Fiji|斐济|Suva|苏瓦|Oceania|English`,
);

/** Famous sights and where they are: [name, country]. */
export const landmarks = table(
  ['en', 'zh', 'country'],
  `
the Great Wall|长城|China
the Forbidden City|故宫|China
the Eiffel Tower|埃菲尔铁塔|France
the Colosseum|罗马斗兽场|Italy
the Taj Mahal|泰姬陵|India
Mount Fuji|富士山|Japan
the Statue of Liberty|自由女神像|the United States
Big Ben|大本钟|the United Kingdom
the Great Pyramid|大金字塔|Egypt
the Sydney Opera House|悉尼歌剧院|Australia
Machu Picchu|马丘比丘|Peru
the Brandenburg Gate|勃兰登堡门|Germany
the Kremlin|克里姆林宫|Russia
the Parthenon|帕特农神庙|Greece`,
);

export function geographyFacts(): Fact[] {
  const facts: Fact[] = [];
  for (const { en, zh, capital, capitalZh, continent, language } of countries) {
    const land = row(continents, continent).zh;
    const tongue = row(languages, language).zh;
    facts.push(
      fact(
        'capital',
        say(
          capital,
          `The capital of ${en} is ${capital}.`,
          [
            `What is the capital of ${en}?`,
            `Which city is the capital of ${en}?`,
            `Name the capital of ${en}.`,
            `Tell me the capital city of ${en}.`,
          ],
          [
            `${capital} is the capital of ${en}.`,
            `${cap(en)} has its capital in ${capital}.`,
            `The capital city of ${en} is called ${capital}.`,
          ],
        ),
        say(
          capitalZh,
          `${zh}的首都是${capitalZh}。`,
          [`${zh}的首都是哪里？`, `${zh}的首都是哪座城市？`, `请告诉我${zh}的首都。`, `说出${zh}的首都。`],
          [`${capitalZh}是${zh}的首都。`, `${capitalZh}这座城市是${zh}的首都。`],
        ),
      ),
    );
    facts.push(
      fact(
        'continent',
        say(
          continent,
          `${cap(en)} is in ${continent}.`,
          [
            `On which continent is ${en}?`,
            `Which continent is ${en} in?`,
            `Name the continent where ${en} lies.`,
          ],
          [`${cap(en)} is a country in ${continent}.`, `You can find ${en} in ${continent}.`],
        ),
        say(
          land,
          `${zh}位于${land}。`,
          [`${zh}在哪个洲？`, `${zh}位于哪个大洲？`, `请说出${zh}所在的大洲。`],
          [`${zh}是${land}的一个国家。`, `${zh}在${land}。`],
        ),
      ),
    );
    facts.push(
      fact(
        'language',
        say(
          language,
          `People in ${en} speak ${language}.`,
          [
            `What language do people speak in ${en}?`,
            `Which language is spoken in ${en}?`,
            `Name the main language of ${en}.`,
          ],
          [`The main language of ${en} is ${language}.`, `${language} is spoken in ${en}.`],
        ),
        say(
          tongue,
          `${zh}人说${tongue}。`,
          [`${zh}人说什么语言？`, `在${zh}，人们说什么语言？`, `请说出${zh}的主要语言。`],
          [`在${zh}，人们说${tongue}。`, `${zh}的主要语言是${tongue}。`],
        ),
      ),
    );
  }
  for (const { en, zh, country } of landmarks) {
    const place = row(countries, country).zh;
    facts.push(
      fact(
        'landmark',
        say(
          country,
          `${cap(en)} is in ${country}.`,
          [`Where is ${en}?`, `In which country is ${en}?`, `Which country would you visit to see ${en}?`],
          [`You can see ${en} in ${country}.`, `People travel to ${country} to see ${en}.`],
        ),
        say(
          place,
          `${zh}在${place}。`,
          [`${zh}在哪里？`, `${zh}在哪个国家？`, `去哪个国家可以看到${zh}？`],
          [`去${place}可以看到${zh}。`, `很多人到${place}参观${zh}。`],
        ),
      ),
    );
  }
  return facts;
}
