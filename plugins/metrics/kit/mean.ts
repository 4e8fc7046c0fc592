import type { Question } from './questions.js';

type Numbers = Record<string, number>;

/**
 * The mean of what each question scored, as metrics name it: `NAME`, its standard error `NAMEStderr` where there are two questions or
 * more, and the same of each source and language, where there are several. Empty where there is no question.
 */
export function meanOf(
  name: string,
  scores: readonly number[],
  questions: readonly Pick<Question, 'source' | 'language'>[],
): Numbers {
  const groups = (by: 'bySource' | 'byLanguage', key: 'source' | 'language') => {
    const names = [...new Set(questions.map((question) => question[key]))];
    if (names.length < 2) return {};
    const means = names.map((group) => {
      const own = scores.filter((_, i) => questions[i][key] === group);
      return group === undefined ? {} : ofAll(`${name}/${by}/${group}`, own);
    });
    return Object.assign({}, ...means) as Numbers;
  };
  return { ...ofAll(name, scores), ...groups('bySource', 'source'), ...groups('byLanguage', 'language') };
}

function ofAll(name: string, scores: readonly number[]): Numbers {
  const count = scores.length;
  if (count === 0) return {};
  const mean = scores.reduce((sum, score) => sum + score, 0) / count;
  if (count === 1) return { [name]: mean };
  const squares = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0);
  return { [name]: mean, [`${name}Stderr`]: Math.sqrt(squares / (count - 1) / count) };
}
