import { expect } from 'chai';
import { readData } from '../../support/compose.js';
import { expectError, lineAt, recordAt } from '../../support/errors.js';
import { instruction } from '../../support/examples.js';
import { fixture, TemporaryFolder } from '../../support/files.js';

const RECORDS = [
  { instruction: 'Name a color.', input: '', output: 'Blue.' },
  { instruction: '翻译。', input: '你好', output: 'Hello 😀' },
];
const EXAMPLES = RECORDS.map(instruction);
const lines = (separator: string) => RECORDS.map((record) => JSON.stringify(record)).join(separator);

describe('the dataset format alpaca', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  const BOM = '\uFEFF';
  const forms: [what: string, content: string][] = [
    ['an array', JSON.stringify(RECORDS)],
    ['an indented array after white space', `\n  ${JSON.stringify(RECORDS, null, 2)}\n`],
    ['an array after a byte order mark', BOM + JSON.stringify(RECORDS)],
    ['an array with CRLF', JSON.stringify(RECORDS, null, 2).replaceAll('\n', '\r\n')],
  ];
  for (const [what, content] of forms) {
    it(`reads ${what}`, async () => {
      expect(await readData('alpaca', folder.write('data.json', content))).to.deep.equal(EXAMPLES);
    });
  }

  it('reads what another program wrote', async () => {
    const records = await readData('alpaca', fixture('llama', 'train.json'));
    expect(records).to.have.lengthOf(18);
    expect(records[2]).to.deep.equal({
      kind: 'instruction',
      instruction: '把下面的句子翻译成英文。',
      input: '今天天气很好。',
      output: 'The weather is fine today.',
    });
  });

  it('takes a line separator within a JSON string for the character that it is', async () => {
    // U+2028 and U+2029 may stand in JSON as they are, and in texts from the web they do.
    const record = { instruction: 'Join.', input: 'a\u2028b', output: 'c\u2029d\u0085e' };
    const file = folder.write('data.jsonl', `${JSON.stringify(record)}\n${lines('\n')}\n`);
    expect(await readData('alpaca', file)).to.deep.equal([instruction(record), ...EXAMPLES]);
  });

  it('lets input be absent or null, and further keys be', async () => {
    const values = [
      { instruction: 'a', output: 'b', id: 7 },
      { instruction: 'c', input: null, output: 'd' },
    ];
    expect(await readData('alpaca', folder.write('data.json', JSON.stringify(values)))).to.deep.equal([
      { kind: 'instruction', instruction: 'a', input: '', output: 'b' },
      { kind: 'instruction', instruction: 'c', input: '', output: 'd' },
    ]);
  });

  it('leaves texts as they are, spaces and line breaks included', async () => {
    const value = { instruction: ' a\n', input: '\t', output: '\\n  b ' };
    expect(await readData('alpaca', folder.write('data.json', JSON.stringify([value])))).to.deep.equal([
      instruction(value),
    ]);
  });

  it('names all faulty records of an array in one error, by number', async () => {
    const values = [
      RECORDS[0],
      { instruction: 'x' },
      { instruction: ' ', output: 'y' },
      { instruction: 'z', output: 5 },
      'text',
      null,
      { instruction: 'x', input: [], output: 'y' },
    ];
    const file = folder.write('data.json', JSON.stringify(values));
    await expectError(
      () => readData('alpaca', file),
      'DATA_RECORD',
      `${file}: 6 faulty records`,
      recordAt(2, '"output" is missing'),
      recordAt(3, '"instruction" is empty'),
      recordAt(4, '"output" is no text, but 5'),
      recordAt(5, 'expected { instruction, input, output }, but got "text"'),
      recordAt(6, 'expected { instruction, input, output }, but got null'),
      recordAt(7, '"input" is no text, but []'),
    );
  });

  it('names faulty JSON lines by line, empty lines counted', async () => {
    const file = folder.write('data.jsonl', `${lines('\n')}\n\n{"instruction": "x"\n{"output": "y"}\n`);
    await expectError(
      () => readData('alpaca', file),
      'DATA_RECORD',
      lineAt(4, 'is no JSON: '),
      lineAt(5, '"instruction" is missing'),
    );
  });

  it('names the keys that a record has in the place of a missing one', async () => {
    const file = folder.write(
      'data.json',
      '[{"instruction":"a","output":"b"},{"prompt":"a","completion":"b"},{"instruction":"a","response":"b","id":1}]',
    );
    await expectError(
      () => readData('alpaca', file),
      'DATA_RECORD',
      recordAt(2, '"instruction" is missing, "output" is missing (the record has "prompt", "completion")'),
      recordAt(3, '"output" is missing (the record has "response", "id")'),
    );
  });

  it('names the first ten of many, and how many there are', async () => {
    const file = folder.write('data.json', JSON.stringify(Array.from({ length: 25 }, () => ({}))));
    const { message } = await expectError(
      () => readData('alpaca', file),
      'DATA_RECORD',
      '25 faulty records',
      recordAt(10, ''),
      '… and 15 more',
    );
    expect(message).to.not.include('record 11');
  });

  it('says of a broken array where it breaks off', async () => {
    const file = folder.write('data.json', JSON.stringify(RECORDS).slice(0, -5));
    await expectError(() => readData('alpaca', file), 'DATA_RECORD', file, recordAt(2, 'is cut off'));
  });
});
