/** In which script most of a text is written. */

const SCRIPTS = [
  ['kana', /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
  ['han', /\p{Script=Han}/gu],
  ['hangul', /\p{Script=Hangul}/gu],
  ['cyrillic', /\p{Script=Cyrillic}/gu],
  ['arabic', /\p{Script=Arabic}/gu],
  ['devanagari', /\p{Script=Devanagari}/gu],
  ['bengali', /\p{Script=Bengali}/gu],
  ['tamil', /\p{Script=Tamil}/gu],
  ['telugu', /\p{Script=Telugu}/gu],
  ['kannada', /\p{Script=Kannada}/gu],
  ['gujarati', /\p{Script=Gujarati}/gu],
  ['gurmukhi', /\p{Script=Gurmukhi}/gu],
  ['malayalam', /\p{Script=Malayalam}/gu],
  ['greek', /\p{Script=Greek}/gu],
  ['hebrew', /\p{Script=Hebrew}/gu],
  ['thai', /\p{Script=Thai}/gu],
  ['latin', /\p{Script=Latin}/gu],
] as const;

export type Script = (typeof SCRIPTS)[number][0];

/** A sign of Han or Kana says as much as several letters: of others, more is needed. */
const DENSE = 3;

/** Undefined where a text has no letters of these scripts, as a number has none. Japanese is what has Kana among its signs. */
export function scriptOf(text: string): Script | undefined {
  const weights = SCRIPTS.map(([name, letters]) => {
    const count = text.match(letters)?.length ?? 0;
    return { name, weight: name === 'han' || name === 'kana' ? DENSE * count : count };
  });
  const [kana, han] = weights;
  // Japanese mixes both; a tenth of Kana makes it so.
  if (kana.weight > 0 && kana.weight * 9 >= han.weight) kana.weight += han.weight;
  const most = weights.reduce((best, each) => (each.weight > best.weight ? each : best));
  return most.weight > 0 ? most.name : undefined;
}
