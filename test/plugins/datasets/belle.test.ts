import { expect } from 'chai';
import { readData } from '../../support/compose.js';
import { expectError, lineAt, recordAt } from '../../support/errors.js';
import { instruction } from '../../support/examples.js';
import { TemporaryFolder } from '../../support/files.js';

const PLAIN = { instruction: '写一个句子。', input: '春天', output: '春天来了。' };
const SEED = {
  id: 'seed_task_0',
  instruction: '翻译成英文。',
  instances: [
    { input: '你好', output: 'hello' },
    { input: '', output: 'nothing' },
  ],
  is_classification: false,
};
const OF_SEED = [
  { instruction: '翻译成英文。', input: '你好', output: 'hello' },
  { instruction: '翻译成英文。', input: '', output: 'nothing' },
].map(instruction);
const OF_PLAIN = instruction(PLAIN);

describe('the dataset format belle', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());
  const read = (content: string) => readData('belle', folder.write('data.json', content));

  it('makes a record of each instance of a seed task', async () => {
    expect(await read(`${JSON.stringify(SEED)}\n${JSON.stringify(PLAIN)}`)).to.deep.equal([
      ...OF_SEED,
      OF_PLAIN,
    ]);
    expect(await read(JSON.stringify([PLAIN, SEED]))).to.deep.equal([OF_PLAIN, ...OF_SEED]);
  });

  it('reads plain records, as an array and as lines, with byte order mark and CRLF', async () => {
    expect(await read(JSON.stringify([PLAIN, PLAIN]))).to.deep.equal([OF_PLAIN, OF_PLAIN]);
    const line = JSON.stringify(PLAIN);
    expect(await read(`\uFEFF${line}\r\n${line}\r\n`)).to.deep.equal([OF_PLAIN, OF_PLAIN]);
    expect(await read(`\uFEFF[${line}]`)).to.deep.equal([OF_PLAIN]);
  });

  it('names a line that is no JSON', async () => {
    await expectError(
      () => read(`${JSON.stringify(PLAIN)}\n{'instruction': 'x'}\n`),
      'DATA_RECORD',
      lineAt(2, 'is no JSON'),
    );
  });

  it('names the faults of records and of instances in one error, by record', async () => {
    const values = [
      PLAIN,
      { ...PLAIN, output: undefined },
      { ...SEED, instances: [{ input: 'x', output: 'y' }, { input: 'x' }] },
      { ...SEED, instruction: undefined },
      { ...SEED, instances: [null] },
      7,
    ];
    await expectError(
      () => read(JSON.stringify(values)),
      'DATA_RECORD',
      'data.json: 5 faulty records',
      recordAt(2, '"output" is missing'),
      recordAt(3, '"output" is missing'),
      recordAt(4, '"instruction" is missing'),
      recordAt(5, '"instances" holds null, and no { input, output }'),
      recordAt(6, 'expected { instruction, input, output }, but got 7'),
    );
  });
});
