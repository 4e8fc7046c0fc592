/**
 * In which language an answer is, as far as a script and frequent words tell: enough for the rule that a whole answer is in one
 * language, and no more.
 */

import { type Script, scriptOf } from '../kit/index.js';
import { type RuleKind, rule, text } from './rule.js';

/** Several languages share a script; of those other than Latin, the script alone is looked at. */
const SCRIPTS: Readonly<Record<string, Script>> = {
  ar: 'arabic',
  bg: 'cyrillic',
  bn: 'bengali',
  el: 'greek',
  fa: 'arabic',
  gu: 'gujarati',
  he: 'hebrew',
  hi: 'devanagari',
  ja: 'kana',
  kn: 'kannada',
  ko: 'hangul',
  ml: 'malayalam',
  mr: 'devanagari',
  ne: 'devanagari',
  pa: 'gurmukhi',
  ru: 'cyrillic',
  ta: 'tamil',
  te: 'telugu',
  th: 'thai',
  uk: 'cyrillic',
  ur: 'arabic',
  zh: 'han',
};

/** Short words that every text of some length has, and that other languages lack. */
const WORDS: Readonly<Record<string, string>> = {
  de: 'der die das und ist nicht ein eine zu mit den auf für von sich auch es im',
  en: 'the and of to is in that it for you with are this was be on not as',
  es: 'el los las y es que en un una por con para del se su no lo como más',
  fi: 'ja on ei että se joka hän ovat oli mutta myös kuin niin tämä jos',
  fr: 'le les des et est une que dans pour qui sur pas avec au ce du il vous',
  it: 'il di che è e un una per non sono con del della le gli si anche come',
  nl: 'de het een en van is dat op te zijn voor niet met die aan ook',
  pl: 'i w nie na się jest że z do to jak o ale co tak od przez są',
  pt: 'o os as e é que em um uma por com para do da não se mais como dos',
  sw: 'na ya wa kwa ni katika za la kuwa hii cha watu kama yake pia',
  vi: 'và là của có không được trong cho một những với người các này đã để',
};

const SETS = Object.entries(WORDS).map(([tag, words]) => [tag, new Set(words.split(' '))] as const);

export const LANGUAGE_RULES: Readonly<Record<string, RuleKind>> = {
  'language:response_language': rule({ language: text }, ({ language }) => {
    const tag = language.toLowerCase().split(/[-_]/)[0];
    return (answer) => isIn(answer, tag);
  }),
};

function isIn(answer: string, tag: string): boolean {
  const script = scriptOf(answer);
  if (SCRIPTS[tag]) return script === SCRIPTS[tag];
  if (script !== 'latin') return false;
  const words = answer.toLowerCase().match(/\p{L}+/gu) ?? [];
  const counts = SETS.map(([name, set]) => ({ name, count: words.filter((word) => set.has(word)).length }));
  const most = counts.reduce((best, each) => (each.count > best.count ? each : best));
  // Of a language without a list it is known alone that it is none that has one.
  return tag in WORDS ? most.name === tag && most.count > 0 : most.count * 10 < words.length;
}
