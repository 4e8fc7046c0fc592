/**
 * Chain-of-Thought data in two forms: TSV of question, answer and rationale (as the nine sets are published),
 * phrased as instructions here; and JSON of `{ instruction, input, output }` that is phrased already (Alpaca-CoT's
 * CoT_data.json). In both, `\n` written as two characters stands for a line break.
 */

import { definePlugin, deriveSeed, type InstructionExample, type TurnsExample } from '../../../core/index.js';
import { FaultList } from '../kit/fault-list.js';
import { readJsonExamples } from '../kit/json-examples.js';
import { readLines } from '../kit/lines.js';
import { phrase } from './phrasings.js';

export default definePlugin({
  name: 'cot',
  apiVersion: 2,
  family: 'datasets',
  apply(trainer) {
    trainer.hooks.loadData.tap(({ format, path }) => {
      if (format !== 'cot' || !path) return undefined;
      return path.endsWith('.tsv') ? readTable(path) : readPhrased(path);
    });
  },
});

async function* readTable(file: string): AsyncGenerator<InstructionExample> {
  const faults = new FaultList();
  for await (const { text, where } of readLines(file)) {
    const cells = text.split('\t').map(unescapeLineBreaks);
    const [question, answer, rationale] = cells;
    if (cells.length !== 3 || cells.some((cell) => cell.trim() === '')) {
      faults.add(
        where,
        `expected question, answer and rationale between tabs, but got ${cells.length} cells${cells.length === 3 ? ', one of them empty' : ''}`,
      );
      continue;
    }
    // The phrasing follows from the question alone: the same file always gives the same examples.
    yield phrase({ question, answer, rationale }, deriveSeed(0, question));
  }
  faults.throwIfAny(file);
}

async function* readPhrased(file: string): AsyncGenerator<InstructionExample | TurnsExample> {
  for await (const example of readJsonExamples(file)) {
    if (example.kind === 'turns') {
      const turns = example.turns.map((turn) => ({ ...turn, content: unescapeLineBreaks(turn.content) }));
      yield { ...example, turns };
      continue;
    }
    yield {
      ...example,
      instruction: unescapeLineBreaks(example.instruction),
      input: unescapeLineBreaks(example.input),
      output: unescapeLineBreaks(example.output),
    };
  }
}

function unescapeLineBreaks(text: string): string {
  return text.replaceAll('\\n', '\n');
}
