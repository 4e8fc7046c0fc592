import { type InstructionExample, type Turn, type TurnsExample, z } from '../../../core/index.js';

const text = z.string({ error: ({ input }) => `is no text, but ${shown(input)}` });
const filled = text.refine((value) => value.trim() !== '', 'is empty');

/**
 * The record of Alpaca, of BELLE and of Alpaca-CoT's Chain-of-Thought sets, and two keys that the files of other trainers add
 * (data/README.md): what the system says, and the exchanges before this one. Further keys are let be.
 */
const schema = z.object({
  instruction: filled,
  input: text.nullish(),
  output: text,
  system: text.nullish(),
  history: z
    .array(
      z.tuple([text, text], {
        error: ({ input }) => `is no [question, answer], but ${shown(input)}`,
      }),
      { error: ({ input }) => `is no list of [question, answer], but ${shown(input)}` },
    )
    .nullish(),
});

/**
 * A record with `instruction`, `input` (may be absent) and `output` -> an example, or what is wrong with it. One that has
 * `system` or `history` too is a conversation. All of its answers are trained on, and an instruction and its input are one
 * question.
 */
export function toExample(value: unknown): InstructionExample | TurnsExample | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return `expected { instruction, input, output }, but got ${shown(value)}`;
  }
  const { data, error } = schema.safeParse(value);
  if (error) {
    const faults = error.issues.map(({ path: [key, ...within], message }) => {
      const place = within.map((index) => `[${String(index)}]`).join('');
      const isMissing = (value as Record<PropertyKey, unknown>)[key] === undefined;
      return `"${String(key)}"${place} ${isMissing ? 'is missing' : message}`;
    });
    return faults.join(', ') + otherKeys(value);
  }
  const { instruction, output, system, history } = data;
  const input = data.input ?? '';
  if (!system && !history?.length) return { kind: 'instruction', instruction, input, output };
  const question = input === '' ? instruction : `${instruction}\n${input}`;
  const turns: Turn[] = [...(history ?? []), [question, output] as const].flatMap(([asked, answer]) => [
    { role: 'user', content: asked, trained: false },
    { role: 'assistant', content: answer, trained: answer.trim() !== '' },
  ]);
  if (system) turns.unshift({ role: 'system', content: system, trained: false });
  return { kind: 'turns', turns };
}

const MOST_KEYS = 8;

/** ` (the record has "prompt", "completion")` where a key is missing: the record may name it otherwise. */
function otherKeys(record: object): string {
  const known = Object.keys(schema.shape);
  const isWhole = ['instruction', 'output'].every((key) => key in record);
  const others = Object.keys(record).filter((key) => !known.includes(key));
  if (isWhole || others.length === 0) return '';
  const named = others.slice(0, MOST_KEYS).map((key) => JSON.stringify(key.slice(0, 40)));
  return ` (the record has ${named.join(', ')}${others.length > MOST_KEYS ? ', …' : ''})`;
}

function shown(value: unknown): string | undefined {
  return JSON.stringify(value)?.slice(0, 60);
}
