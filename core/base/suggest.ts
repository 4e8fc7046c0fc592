import { closest, distance } from 'fastest-levenshtein';

/** ` (did you mean "epochs"?)` where one of `known` is near enough to `word` to be a slip, else nothing. */
export function suggest(word: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  const plain = (text: string) => text.toLowerCase().replaceAll(/[_-]/g, '');
  const nearest = known.find((candidate) => plain(candidate) === plain(word)) ?? closest(word, known);
  const near = plain(nearest) === plain(word) || distance(word, nearest) <= Math.max(2, word.length / 3);
  return near ? ` (did you mean "${nearest}"?)` : '';
}
