import type { InstructionExample } from '../../../core/index.js';

/** A question with its answer and the reasoning that leads there. */
export interface ReasonedAnswer {
  readonly question: string;
  readonly answer: string;
  readonly rationale: string;
}

/**
 * The phrasings by which a question becomes an instruction that asks for reasoning, and the answer a text that
 * ends its reasoning with the answer. Many phrasings, so that none is learned by heart, in the way of FLAN's
 * Chain-of-Thought templates (arXiv 2210.11416).
 */
const PHRASINGS: readonly [ask: (question: string) => string, conclude: (answer: string) => string][] = [
  [(question) => `${question}\nLet's think step by step.`, (answer) => `The answer is ${answer}.`],
  [
    (question) => `Question: ${question}\nThink it through before you answer.`,
    (answer) => `So the answer is ${answer}.`,
  ],
  [
    (question) => `Answer the following question and give your reasons first.\n${question}`,
    (answer) => `The answer: ${answer}.`,
  ],
  [
    (question) => `${question}\nReason first, then answer.`,
    (answer) => `Therefore, the answer is ${answer}.`,
  ],
  [
    (question) => `Work this out one step at a time.\n${question}`,
    (answer) => `Hence the answer is ${answer}.`,
  ],
  [
    (question) => `${question}\nHow do you get to the answer?`,
    (answer) => `That is why the answer is ${answer}.`,
  ],
  [(question) => `Q: ${question}\nExplain your thinking.`, (answer) => `So the final answer is ${answer}.`],
  [
    (question) => `${question}\nGive the reasoning and the answer.`,
    (answer) => `The final answer: ${answer}.`,
  ],
];

/** The example in phrasing number `choice`, of which any whole number will do. */
export function phrase({ question, answer, rationale }: ReasonedAnswer, choice: number): InstructionExample {
  const [ask, conclude] = PHRASINGS[choice % PHRASINGS.length];
  const reasons = rationale.trim();
  const closed = /[.!?)]$/.test(reasons) ? reasons : `${reasons}.`;
  return {
    kind: 'instruction',
    instruction: ask(question.trim()),
    input: '',
    output: `${closed} ${conclude(answer.trim().replace(/\.$/, ''))}`,
    rationale: [0, closed.length],
  };
}
