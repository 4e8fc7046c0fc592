/** Questions with solved ones before them: few-shot prompts, as conversations. */

import { deriveSeed, Random } from '../base/random.js';
import type { Example, Prompt } from '../contracts/dataset.js';

/** A question with its answer. */
export interface Shot {
  readonly question: string;
  readonly answer: string;
}

/**
 * Draws `count` rows that are shown solved. Nobody is asked them.
 *
 * @param exampleOf the example of a row
 * @returns the shots, and the rows that are left, in order; fewer shots where so few rows are a question with one answer
 */
export function drawShots(
  rows: Int32Array,
  exampleOf: (row: number) => Example,
  count: number,
  seed: number,
): { shots: Shot[]; left: Int32Array } {
  const order = new Random(deriveSeed(seed, 'few-shot')).permutation(rows.length);
  const drawn = new Set<number>();
  const shots: Shot[] = [];
  for (const i of order) {
    if (shots.length === count) break;
    const shot = shotOf(exampleOf(rows[i]));
    if (shot === undefined) continue;
    shots.push(shot);
    drawn.add(i);
  }
  return { shots, left: rows.filter((_, i) => !drawn.has(i)) };
}

function shotOf(example: Example): Shot | undefined {
  if (example.kind === 'instruction')
    return { question: asked(example.instruction, example.input), answer: example.output };
  if (example.kind !== 'turns' || example.tools || example.turns.length !== 2) return undefined;
  const [first, second] = example.turns;
  if (first.role !== 'user' || second.role !== 'assistant' || second.calls?.length) return undefined;
  return { question: first.content, answer: second.content };
}

/** The prompt behind the solved ones. */
export function promptWithShots(prompt: Prompt, shots: readonly Shot[]): Prompt {
  if (shots.length === 0) return prompt;
  const turns =
    'turns' in prompt
      ? prompt.turns
      : [{ role: 'user' as const, content: asked(prompt.instruction, prompt.input) }];
  // What the system says comes first.
  const system = turns[0]?.role === 'system' ? 1 : 0;
  return { turns: [...turns.slice(0, system), ...turnsOf(shots), ...turns.slice(system)] };
}

/** The same of an example that is measured. Texts, rows in tokens and pairs of answers stay as they are. */
export function exampleWithShots(example: Example, shots: readonly Shot[]): Example {
  if (shots.length === 0) return example;
  const { source, language } = example;
  const before = turnsOf(shots).map((turn) => ({ ...turn, trained: false }));
  if (example.kind === 'instruction') {
    const { instruction, input, output } = example;
    const own = [
      { role: 'user' as const, content: asked(instruction, input), trained: false },
      { role: 'assistant' as const, content: output, trained: true },
    ];
    return { kind: 'turns', turns: [...before, ...own], source, language };
  }
  if (example.kind !== 'turns') return example;
  const system = example.turns[0]?.role === 'system' ? 1 : 0;
  return {
    ...example,
    turns: [...example.turns.slice(0, system), ...before, ...example.turns.slice(system)],
  };
}

function turnsOf(shots: readonly Shot[]) {
  return shots.flatMap(({ question, answer }) => [
    { role: 'user' as const, content: question },
    { role: 'assistant' as const, content: answer },
  ]);
}

/** An instruction and its input as one question, as `evolve data convert` joins them. */
function asked(instruction: string, input: string): string {
  return input === '' ? instruction : `${instruction}\n${input}`;
}
