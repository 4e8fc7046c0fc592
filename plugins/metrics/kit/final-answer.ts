/** The final answer that a text of reasoning comes to. */

/** Words after which the answer stands, in English and Chinese; `####` as GSM8K has it. */
const BEFORE_ANSWER =
  /(?:####|\b(?:final |correct )?answer(?: is)?\s*:|\banswer is|\banswer \w+ is|答案(?:是|为|：|:)+)\s*/giu;

/** A full stop that ends a sentence, not one within a number. */
const SENTENCE_END = /[.!?](?=\s|$)|[。！？]/u;

/**
 * What stands behind the last "the answer is" (`Answer:`, `####`, `答案是`), up to the end of the sentence; where there is none, the
 * last sentence of the text.
 */
export function answerIn(text: string): string {
  const found = [...text.matchAll(BEFORE_ANSWER)].at(-1);
  if (found) return sentencesOf(text.slice(found.index + found[0].length)).at(0) ?? '';
  return sentencesOf(text).at(-1) ?? '';
}

function sentencesOf(text: string): string[] {
  return text
    .split('\n')
    .flatMap((line) => line.split(SENTENCE_END))
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== '');
}

/**
 * An answer as it is compared: without what is written in several ways and means the same. Capitals, spaces, marks around it, the
 * brackets of `(B)`, a currency sign, and commas and trailing zeros in a number do not count.
 */
export function plain(answer: string): string {
  const text = answer.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();
  const bare = text.replace(/^[\s"'“”‘’`*([{<]+|[\s"'“”‘’`*)\]}>.,;:!?。，；：]+$/gu, '');
  const number = bare.replace(/^(-?)[$€£¥]\s?/, '$1').replace(/(?<=\d),(?=\d{3}(?!\d))/g, '');
  return /^-?\d+(\.\d+)?$/.test(number) ? String(Number(number)) : bare;
}
