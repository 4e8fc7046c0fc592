import { type InstructionExample, z } from '../../../core/index.js';

/** The record of Alpaca, of BELLE and of Alpaca-CoT's Chain-of-Thought sets; further keys are let be. */
const schema = z.object({
  instruction: z.string().refine((text) => text.trim() !== '', 'is empty'),
  input: z.string().nullish(),
  output: z.string(),
});

/** A record with `instruction`, `input` (may be absent) and `output` -> an example, or what is wrong with it. */
export function toExample(value: unknown): InstructionExample | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return `expected { instruction, input, output }, but got ${JSON.stringify(value)?.slice(0, 60)}`;
  }
  const { data, error } = schema.safeParse(value);
  const unread = ['history', 'system'].find((key) => !isEmpty((value as Record<string, unknown>)[key]));
  if (data && unread !== undefined) {
    return `"${unread}" would be lost: the record's form is { instruction, input, output }; remove the key, or write its text into "instruction"`;
  }
  if (data) {
    const { instruction, input, output } = data;
    return { kind: 'instruction', instruction, input: input ?? '', output };
  }
  const faults = error.issues.map(({ path: [key], message }) => {
    const found = (value as Record<PropertyKey, unknown>)[key];
    if (found === undefined) return `"${String(key)}" is missing`;
    return typeof found === 'string'
      ? `"${String(key)}" ${message}`
      : `"${String(key)}" is no text, but ${JSON.stringify(found).slice(0, 60)}`;
  });
  return faults.join(', ');
}

/** Files of other trainers have `history` and `system` in every record, most of them empty. */
function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
  );
}
