/** Rules of words and lengths. */

import { z } from '../../../core/index.js';
import { count, escaped, holds, occurrences, type RuleKind, relation, rule, text } from './rule.js';

const WORD = /[\p{L}\p{N}_]+/gu;
const SENTENCES = new Intl.Segmenter('en', { granularity: 'sentence' });

export const WORD_RULES: Readonly<Record<string, RuleKind>> = {
  'keywords:existence': rule({ keywords: z.array(text).min(1) }, ({ keywords }) => (answer) => {
    const lower = answer.toLowerCase();
    return keywords.every((keyword) => lower.includes(keyword.toLowerCase()));
  }),
  'keywords:forbidden_words': rule(
    { forbidden_words: z.array(text).min(1) },
    ({ forbidden_words }) =>
      (answer) =>
        !forbidden_words.some((word) =>
          new RegExp(`(?<![\\p{L}\\p{N}_])${escaped(word)}(?![\\p{L}\\p{N}_])`, 'iu').test(answer),
        ),
  ),
  'keywords:frequency': rule(
    { keyword: text, frequency: count, relation },
    ({ keyword, frequency, relation: how }) =>
      (answer) =>
        holds(occurrences(answer, new RegExp(escaped(keyword), 'giu')), how, frequency),
  ),
  'keywords:letter_frequency': rule(
    { letter: text, let_frequency: count, let_relation: relation },
    ({ letter, let_frequency, let_relation }) =>
      (answer) =>
        holds(
          occurrences(answer.toLowerCase(), new RegExp(escaped(letter.toLowerCase()), 'gu')),
          let_relation,
          let_frequency,
        ),
  ),
  'length_constraints:number_words': rule(
    { num_words: count, relation },
    ({ num_words, relation: how }) =>
      (answer) =>
        holds(occurrences(answer, WORD), how, num_words),
  ),
  'length_constraints:number_sentences': rule(
    { num_sentences: count, relation },
    ({ num_sentences, relation: how }) =>
      (answer) => {
        const sentences = [...SENTENCES.segment(answer)].filter(({ segment }) =>
          /[\p{L}\p{N}]/u.test(segment),
        );
        return holds(sentences.length, how, num_sentences);
      },
  ),
  // Paragraphs stand between lines of three asterisks.
  'length_constraints:number_paragraphs': rule(
    { num_paragraphs: count },
    ({ num_paragraphs }) =>
      (answer) => {
        const parts = answer.split(/(?<!\*)\*\*\*(?!\*)/).map((part) => part.trim());
        const inner = parts.slice(parts[0] === '' ? 1 : 0, parts.at(-1) === '' ? -1 : undefined);
        return inner.length === num_paragraphs && inner.every((part) => part !== '');
      },
  ),
  // Paragraphs stand between empty lines.
  'length_constraints:nth_paragraph_first_word': rule(
    { num_paragraphs: count, nth_paragraph: count.min(1), first_word: text },
    ({ num_paragraphs, nth_paragraph, first_word }) =>
      (answer) => {
        const parts = answer
          .split(/\n\s*\n/)
          .map((part) => part.trim())
          .filter((part) => part !== '');
        const [word = ''] = (parts[nth_paragraph - 1] ?? '').split(/\s+/);
        const bare = word.replace(/^["'“‘]+|["'”’.,!?;:]+$/g, '').toLowerCase();
        return parts.length === num_paragraphs && bare === first_word.toLowerCase();
      },
  ),
  'change_case:capital_word_frequency': rule(
    { capital_frequency: count, capital_relation: relation },
    ({ capital_frequency, capital_relation }) =>
      (answer) => {
        const words = answer.match(WORD) ?? [];
        const capital = words.filter((word) => /\p{L}/u.test(word) && word === word.toUpperCase());
        return holds(capital.length, capital_relation, capital_frequency);
      },
  ),
  'change_case:english_capital': rule(
    {},
    () => (answer) => /\p{Script=Latin}/u.test(answer) && answer === answer.toUpperCase(),
  ),
  'change_case:english_lowercase': rule(
    {},
    () => (answer) => /\p{Script=Latin}/u.test(answer) && answer === answer.toLowerCase(),
  ),
  'punctuation:no_comma': rule({}, () => (answer) => !answer.includes(',')),
};
