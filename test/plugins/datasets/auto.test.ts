import { expect } from 'chai';
import type { LogEvent } from '../../../core/index.js';
import { readSource } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { TemporaryFolder } from '../../support/files.js';

const CHAT = [
  { from: 'human', value: 'Hi' },
  { from: 'gpt', value: 'Hello' },
];

describe('the dataset format auto', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());
  const read = async (content: string) => {
    const events: LogEvent[] = [];
    const path = folder.write('data', content);
    const examples = await readSource({ name: 'data', path, format: 'auto', index: 0 }, events);
    return { examples, told: events.map((event) => (event.type === 'notice' ? event.message : event.type)) };
  };

  const certain: [told: string, content: string][] = [
    [
      'data: JSON of instructions with their answers (instruction is "question", output is "answer"), read as format: instruct',
      '{"question":"Q","answer":"A"}',
    ],
    [
      'data: JSON of conversations (messages is "conversations"), read as format: chat',
      JSON.stringify([{ id: 1, conversations: CHAT }]),
    ],
    [
      'data: CSV of questions with answer and rationale (question is "question", answer is "answer", rationale is "rationale"), read as format: cot',
      'question,answer,rationale\nQ,A,R\n',
    ],
    [
      'data: TSV of questions with answer and rationale (question is "1", answer is "2", rationale is "3"), read as format: cot',
      'What is it?\tyes\tBecause it is so.\n',
    ],
    [
      'data: JSON of prompts with a chosen and a rejected answer (prompt is "prompt", chosen is "chosen", rejected is "rejected"), read as format: preference',
      '{"prompt":"Q","chosen":"A","rejected":"B"}',
    ],
    ['data: JSON of texts (text is "text"), read as format: text', '{"text":"One."}'],
  ];
  for (const [line, content] of certain) {
    it(`says what it took for what: ${line.replace('data: ', '')}`, async () => {
      const { examples, told } = await read(content);
      expect(examples).to.have.lengthOf(1);
      expect(told).to.deep.equal([line]);
    });
  }

  const uncertain: [why: string, content: string, ...told: string[]][] = [
    ['plain text', 'Once upon a time.\n', 'plain text may be anything', 'format: text'],
    ['a text with an answer beside it', '{"text":"One.","label":"1"}', 'there is label too', 'format: text'],
    ['choices in columns of their own', 'input,output,A,B,C,D\nQ,B,1,2,3,4\n', 'input: [A, B, C, D]'],
    ['a table without header', 'one\ttwo\tthree\n', 'has no header', 'format: cot'],
    [
      'columns with unknown names',
      '{"foo":"Q","bar":"A"}',
      'no format fits this JSON file with columns foo, bar',
      'columns: {',
    ],
    ['pictures', '{"image":"a.png","caption":"x"}', 'image cannot be trained on, texts alone'],
    ['prompts alone', '{"prompt":"Q"}', 'there is prompt, but no answer'],
  ];
  for (const [why, content, ...told] of uncertain) {
    it(`asks instead of guessing: ${why}`, async () => {
      const { at } = await expectError(() => read(content), 'DATA_FILE', ...told);
      expect(at).to.deep.equal(['data', 'sources', 0]);
    });
  }

  it('says what is wrong with records of which none can be parsed', async () => {
    await expectError(
      () => read('{"instruction": 1,,}\n{"b": }\n'),
      'DATA_RECORD',
      '2 faulty records',
      'record 1, line 1',
      'record 2, line 2',
    );
  });

  it('takes a record with thousands of levels where they are not read', async () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const { examples } = await read(`{"instruction": "Q", "output": "A", "meta": ${deep}}`);
    expect(examples).to.have.lengthOf(1);
  });

  it('takes a file with a few faulty records for what the others are', async () => {
    const good = '{"question":"Q","answer":"A"}\n';
    await expectError(
      () => read(`${good.repeat(20)}{"question":"Q"}`),
      'DATA_RECORD',
      '1 faulty record',
      '"answer" is missing',
    );
  });
});
