/** Rules of the form of an answer: its parts, its marks, how it begins and ends. */

import { count, escaped, occurrences, type RuleKind, rule, text } from './rule.js';

const CONSTRAINED = ['My answer is yes.', 'My answer is no.', 'My answer is maybe.'];

export const FORM_RULES: Readonly<Record<string, RuleKind>> = {
  'detectable_content:number_placeholders': rule(
    { num_placeholders: count },
    ({ num_placeholders }) =>
      (answer) =>
        occurrences(answer, /\[[^[\]]*\]/g) >= num_placeholders,
  ),
  // `P.S.` with or without spaces between its letters, at the beginning of a line.
  'detectable_content:postscript': rule({ postscript_marker: text }, ({ postscript_marker }) => {
    const letters = postscript_marker.replace(/[\s.]/g, '').split('').map(escaped).join('\\.?\\s?');
    const marker = new RegExp(`^\\s*\\W{0,3}${letters}\\b`, 'imu');
    return (answer) => marker.test(answer);
  }),
  'detectable_format:number_bullet_lists': rule(
    { num_bullets: count },
    ({ num_bullets }) =>
      (answer) =>
        occurrences(answer, /^\s*(?:\*(?!\*)|-(?!-))\s*\S/gm) === num_bullets,
  ),
  'detectable_format:constrained_response': rule(
    {},
    () => (answer) => CONSTRAINED.some((allowed) => answer.includes(allowed)),
  ),
  'detectable_format:number_highlighted_sections': rule(
    { num_highlights: count },
    ({ num_highlights }) =>
      (answer) => {
        // Double marks are taken out before single ones are looked for.
        const double = occurrences(answer, /\*\*[^*\n]*[^*\s][^*\n]*\*\*/g);
        const rest = answer.replace(/\*\*[^*\n]*\*\*/g, ' ');
        return double + occurrences(rest, /\*[^*\n]*[^*\s][^*\n]*\*/g) >= num_highlights;
      },
  ),
  'detectable_format:multiple_sections': rule(
    { section_spliter: text, num_sections: count },
    ({ section_spliter, num_sections }) =>
      (answer) =>
        occurrences(answer, new RegExp(`${escaped(section_spliter)}\\s?\\d+`, 'gu')) >= num_sections,
  ),
  'detectable_format:json_format': rule({}, () => (answer) => {
    const json = answer.trim().replace(/^```(?:json)?\s*|\s*```$/gi, '');
    try {
      JSON.parse(json);
      return true;
    } catch {
      return false;
    }
  }),
  'detectable_format:title': rule({}, () => (answer) => /<<[^\n<>]*[^\s<>][^\n<>]*>>/.test(answer)),
  // Two answers that differ, with six asterisks between them.
  'combination:two_responses': rule({}, () => (answer) => {
    const parts = answer.split('******').map((part) => part.trim());
    const inner = parts.slice(parts[0] === '' ? 1 : 0, parts.at(-1) === '' ? -1 : undefined);
    return inner.length === 2 && inner.every((part) => part !== '') && inner[0] !== inner[1];
  }),
  'combination:repeat_prompt': rule({ prompt_to_repeat: text }, ({ prompt_to_repeat }) => (answer) => {
    const start = prompt_to_repeat.trim().toLowerCase();
    return answer.trim().toLowerCase().startsWith(start);
  }),
  'startend:end_checker': rule({ end_phrase: text }, ({ end_phrase }) => (answer) => {
    const end = answer
      .trim()
      .replace(/["'”’]+$/, '')
      .toLowerCase();
    return end.endsWith(
      end_phrase
        .trim()
        .replace(/["'”’]+$/, '')
        .toLowerCase(),
    );
  }),
  'startend:quotation': rule({}, () => (answer) => /^".*"$/s.test(answer.trim()) && answer.trim().length > 1),
};
