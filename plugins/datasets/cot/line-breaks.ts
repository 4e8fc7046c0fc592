/** Commands of LaTeX that begin with n: their `\n` is none. */
const LATEX = 'eq|eg|u|abla|ot|otin|mid|less|gtr|leq|geq|exists|parallel|subseteq|supseteq|ewline|ewcommand';

/** A literal of a program: in quotes, behind a bracket or a sign that gives a value. Behind a comma it may be speech. */
const LITERAL = String.raw`(?<=[(\[{=+]\s*[bfru]?)(["'\u0060])(?:\\.|(?!\1)[^\\\n])*\1`;

const ESCAPED = new RegExp(String.raw`${LITERAL}|\\n(?!(?:${LATEX})(?![A-Za-z)]))`, 'g');

/**
 * The text with line breaks for `\n` of two characters, as Chain-of-Thought sets write them. What LaTeX and programs mean by
 * these characters stays: `\neq`, `print("a\nb")`.
 */
export function withLineBreaks(text: string): string {
  if (!text.includes('\\n')) return text;
  return text.replace(ESCAPED, (found) => (found === '\\n' ? '\n' : found));
}
