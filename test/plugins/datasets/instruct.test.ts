import { expect } from 'chai';
import type { DataSource, Example } from '../../../core/index.js';
import { compose, readData, readSource } from '../../support/compose.js';
import { expectError, recordAt } from '../../support/errors.js';
import { instruction } from '../../support/examples.js';
import { TemporaryFolder } from '../../support/files.js';
import { LLAMA } from '../../support/llama-fixture.js';

const RECORD = { instruction: 'Name a color.', input: '', output: 'Blue.' };

describe('the dataset format instruct', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());
  const read = (content: string, further: Partial<DataSource> = {}) => {
    const path = folder.write('data', content);
    return readSource({ name: 'data', path, format: 'instruct', index: 0, ...further });
  };
  const lines = (...records: unknown[]) => records.map((record) => JSON.stringify(record)).join('\n');

  const forms: [what: string, record: object, input?: string][] = [
    ['Alpaca', { instruction: 'Q', input: 'C', output: 'A' }, 'C'],
    ['Dolly', { instruction: 'Q', context: 'C', response: 'A', category: 'qa' }, 'C'],
    ['GPTeacher', { instruction: 'Q', input: 'C', response: 'A' }, 'C'],
    ['Firefly', { kind: 'NLI', input: 'Q', target: 'A' }],
    ['GSM8K', { question: 'Q', answer: 'A' }],
    ['pCLUE', { input: 'Q', target: 'A', type: 'classify' }],
    ['self-instruct', { instruction: 'Q', instances: [{ input: 'C', output: 'A' }] }, 'C'],
    ['pairs of prompt and completion', { prompt: 'Q', completion: 'A' }],
  ];
  for (const [what, record, input = ''] of forms) {
    it(`reads the names of ${what}`, async () => {
      const wanted = instruction({ instruction: 'Q', input, output: 'A' });
      expect(await read(lines(record, record))).to.deep.equal([wanted, wanted]);
    });
  }

  it('reads a column that comes with a later record', async () => {
    const later = { ...RECORD, input: 'Not red.' };
    const rows = [...Array.from({ length: 150 }, () => ({ instruction: 'x', output: 'y' })), later];
    const examples = await read(lines(...rows));
    expect(examples[150]).to.deep.equal(instruction(later));
  });

  it('reads which part of an answer reasons, as studies write it', async () => {
    const record = { instruction: 'Q', input: '', output: 'Why. It is A.' };
    const spans = [[0, 4], [5, 99], 'Why.'];
    const examples = await read(lines(...spans.map((rationaleSpan) => ({ ...record, rationaleSpan }))));
    expect(examples).to.deep.equal([
      { ...instruction(record), rationale: [0, 4] },
      instruction(record),
      instruction(record),
    ]);
  });

  it('takes the input for the question where the instruction is empty', async () => {
    expect(await read(lines({ instruction: ' ', input: 'Q', output: 'A' }))).to.deep.equal([
      instruction({ instruction: 'Q', input: '', output: 'A' }),
    ]);
  });

  it('reads the columns that the source names, and no others', async () => {
    const columns = { instruction: 'title', input: ['ask', 'more'], output: 'reply' };
    const record = { title: 'T', ask: 'Q', more: 'M', reply: 'A', input: 'unread', system: 'unread' };
    expect(await read(lines(record), { columns })).to.deep.equal([
      instruction({ instruction: 'T', input: 'ask: Q\nmore: M', output: 'A' }),
    ]);
    const cells = { instruction: 2, output: 1 };
    expect(await read('A\tQ\nB\tR\n', { columns: cells })).to.deep.equal([
      instruction({ instruction: 'Q', input: '', output: 'A' }),
      instruction({ instruction: 'R', input: '', output: 'B' }),
    ]);
  });

  it('refuses columns that the format has not, or the file, with the nearest name', async () => {
    const { at } = await expectError(
      () => read(lines(RECORD), { columns: { instuction: 'instruction' } }),
      'DATA_UNKNOWN',
      'no column "instuction" (did you mean "instruction"?)',
    );
    expect(at).to.deep.equal(['data', 'sources', 0, 'columns']);
    await expectError(
      () => read(lines(RECORD), { columns: { instruction: 'instruktion' } }),
      'DATA_UNKNOWN',
      'no column "instruktion" in its first records (did you mean "instruction"?)',
    );
  });

  it('names keys that differ in capitals and spaces alone, and what a foreign record has', async () => {
    await expectError(
      () => read(lines(RECORD, { Instruction: 'x', ' output': 'y' }, { conversations: [] })),
      'DATA_RECORD',
      'columns: { instruction: "Instruction" }',
      'columns: { output: " output" }',
      recordAt(3, '"instruction" is missing, "output" is missing (the record has "conversations")'),
    );
  });

  it('refuses half of a character, which no text in UTF-8 has', async () => {
    const half = '{"instruction":"x","output":"\\ud83d"}';
    await expectError(
      () => read(`${lines(RECORD)}\n${half}`),
      'DATA_RECORD',
      recordAt(2, '"output" holds half of a character (\\ud83d)'),
    );
  });

  it('says of the whole file that it has another format', async () => {
    const chat = {
      conversations: [
        { from: 'human', value: 'Hi' },
        { from: 'gpt', value: 'Hello' },
      ],
    };
    const { message } = await expectError(
      () => read(lines(...Array.from({ length: 500 }, () => chat)), { format: 'alpaca' }),
      'DATA_FILE',
      'its first 100 records are not of the format alpaca',
      'they look like conversations (messages is "conversations")',
      'format: chat',
    );
    expect(message).to.not.include('missing');
  });
});

describe('a record with "history" or "system"', () => {
  let folder: TemporaryFolder;
  before(() => {
    folder = new TemporaryFolder();
  });
  after(() => folder.remove());
  const read = (records: unknown, format = 'alpaca') =>
    readData(format, folder.write('data.json', JSON.stringify(records))) as Promise<Example[]>;
  const user = (content: string) => ({ role: 'user', content, trained: false });
  const assistant = (content: string, trained = true) => ({ role: 'assistant', content, trained });
  const system = { role: 'system', content: 'Be brief.', trained: false };

  it('is a conversation: the system first, then the history, all answers trained on', async () => {
    const history = [
      ['Hi', 'Hello'],
      ['And?', ' '],
    ];
    expect(
      await read([
        { ...RECORD, history, system: system.content },
        { ...RECORD, input: 'Not red.', system: system.content },
        { ...RECORD, history: [], system: '' },
        { ...RECORD, history: null, system: null },
      ]),
    ).to.deep.equal([
      {
        kind: 'turns',
        turns: [
          system,
          user('Hi'),
          assistant('Hello'),
          user('And?'),
          assistant(' ', false),
          user('Name a color.'),
          assistant('Blue.'),
        ],
      },
      { kind: 'turns', turns: [system, user('Name a color.\nNot red.'), assistant('Blue.')] },
      instruction(RECORD),
      instruction(RECORD),
    ]);
  });

  it('is one in the formats that have other forms too', async () => {
    const instances = [{ input: '', output: 'Blue.' }];
    const task = { instruction: 'Name a color.', instances, system: system.content };
    const turns = [system, user('Name a color.'), assistant('Blue.')];
    expect(await read([task], 'belle')).to.deep.equal([{ kind: 'turns', turns }]);
    const lines = [{ ...RECORD, output: 'Blue.\\nSky.', system: system.content }];
    const [example] = await read(lines, 'cot');
    expect(example).to.deep.equal({ kind: 'turns', turns: [...turns.slice(0, 2), assistant('Blue.\nSky.')] });
  });

  it('is encoded with labels for every answer and its end token', async () => {
    const [example] = await read([{ ...RECORD, history: [['Hi', 'Hello']], system: system.content }]);
    const run = await compose({ model: { path: LLAMA.path } });
    const encoder = await run.assembler.loadEncoder();
    const { tokenizer } = encoder;
    const { inputIds, spans } = encoder.encode(example, 512);
    const of = (from: number, to: number) => tokenizer.decode([...inputIds.slice(from, to)]);
    expect(spans.map(([from, to]) => of(from, to - 1).trim())).to.deep.equal(['Hello', 'Blue.']);
    expect(spans.map(([, to]) => inputIds[to - 1])).to.deep.equal([tokenizer.eosId, tokenizer.eosId]);
    expect(of(0, spans[0][0])).to.match(/^Be brief\.\n\n### Instruction:\nHi\n\n### Response:$/);
  });

  it('is faulty where they have another form', async () => {
    await expectError(
      () =>
        read([
          { ...RECORD, history: 'Hi' },
          { ...RECORD, history: [['Hi', 'Hello'], ['And?']] },
          { ...RECORD, history: [['Hi', 7]], output: null },
          { ...RECORD, system: ['Be brief.'] },
        ]),
      'DATA_RECORD',
      '4 faulty records',
      recordAt(1, '"history" is no list of [question, answer], but "Hi"'),
      recordAt(2, '"history"[1] is no [question, answer], but ["And?"]'),
      recordAt(3, '"output" is no text, but null, "history"[0][1] is no text, but 7'),
      recordAt(4, '"system" is no text, but ["Be brief."]'),
    );
  });
});
