import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { readData } from '../../../support/compose.js';
import { expectError } from '../../../support/errors.js';
import { instruction } from '../../../support/examples.js';
import { TemporaryFolder } from '../../../support/files.js';

const RECORD = { instruction: 'Name a color.', input: '', output: 'Blue.' };
const JSON_LINE = `${JSON.stringify(RECORD)}\n`;

describe('a data file of another kind', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());
  const write = (name: string, bytes: Uint8Array | string) => {
    writeFileSync(folder.join(name), bytes);
    return folder.join(name);
  };

  const lfs = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n';
  const kinds: [what: string, content: Uint8Array | string, advice: string][] = [
    ['is a gzip archive', gzipSync(JSON_LINE), 'gunzip'],
    ['is a zip archive', Buffer.from('PK\u0003\u0004rest', 'latin1'), 'unzip'],
    ['is a Parquet table', 'PAR1rest', 'read_parquet'],
    ['is text in UTF-16', Buffer.from(`\uFEFF${JSON_LINE}`, 'utf16le'), 'iconv -f UTF-16'],
    ['is text in UTF-16', Buffer.from(JSON_LINE, 'utf16le'), 'iconv -f UTF-16'],
    ['is a pointer of Git LFS', lfs, 'git lfs pull'],
    ['is a web page', '<!DOCTYPE html>\n<html>', 'Download the file itself'],
    ['is CSV', 'instruction,input,output\nName a color.,,Blue.\n', 'read_csv'],
    ['is a table (TSV)', 'instruction\toutput\nName a color.\tBlue.\n', String.raw`sep='\t'`],
    ["has ShareGPT's form", '[{"conversations": [{"from": "human", "value": "Hi"}]}]', '"instruction"'],
    ["has the form of OpenAI's chat", '{"messages": [{"role": "user", "content": "Hi"}]}\n', '"instruction"'],
  ];
  for (const [what, content, advice] of kinds) {
    it(`${what}, and the error says so`, async () => {
      const file = write('data.json', content);
      await expectError(() => readData('alpaca', file), 'DATA_FILE', file, what, advice);
    });
  }

  it('is told of a table too', async () => {
    const file = write('set.tsv', gzipSync('question\tanswer\trationale\n'));
    await expectError(() => readData('cot', file), 'DATA_FILE', file, 'gzip');
  });

  it('may be a folder or a pipe, which are not read', async () => {
    mkdirSync(folder.join('data'));
    await expectError(() => readData('alpaca', folder.join('data')), 'DATA_FILE', 'is a folder');
    execFileSync('mkfifo', [folder.join('pipe')]);
    await expectError(() => readData('alpaca', folder.join('pipe')), 'DATA_FILE', 'is a pipe');
  });

  it('may hold text that is no UTF-8: the error has the place', async () => {
    const latin1 = write(
      'a.jsonl',
      Buffer.from(JSON_LINE + JSON_LINE.replace('Blue', 'Bleu cané'), 'latin1'),
    );
    await expectError(
      () => readData('alpaca', latin1),
      'DATA_FILE',
      `${latin1}, line 2: byte 0xe9 after`,
      'iconv',
    );
    const array = write('a.json', Buffer.from(`[\n${JSON_LINE.replace('Blue', 'é')}]`, 'latin1'));
    await expectError(() => readData('alpaca', array), 'DATA_FILE', `${array}, line 2: byte 0xe9`);
  });

  it('ends its lines at byte 10 alone, across the pieces in which it is read', async () => {
    const output = `a\u2028b\u2029c\u0085d${'中'.repeat(200_000)}`;
    const record = { ...RECORD, output };
    const file = write('a.jsonl', `${JSON.stringify(record)}\r\n\r\n${JSON_LINE.trimEnd()}`);
    expect(await readData('alpaca', file)).to.deep.equal([instruction(record), instruction(RECORD)]);
  });

  it('is no table where it is JSON', async () => {
    expect(await readData('alpaca', write('a.jsonl', JSON_LINE))).to.have.lengthOf(1);
  });
});

describe('a record with keys that the form has not', () => {
  let folder: TemporaryFolder;
  before(() => {
    folder = new TemporaryFolder();
  });
  after(() => folder.remove());

  it('is refused if the text of "history" or "system" would be lost', async () => {
    const records = [
      { ...RECORD, history: [], system: '' },
      { ...RECORD, history: null },
      { ...RECORD, history: [['Hi', 'Hello']] },
      { ...RECORD, system: 'Be brief.' },
    ];
    const file = folder.write('data.json', JSON.stringify(records));
    const { message } = await expectError(
      () => readData('alpaca', file),
      'DATA_RECORD',
      '2 faulty records',
      'record 3: "history" would be lost',
      'record 4: "system" would be lost',
    );
    expect(message).to.not.include('record 1:');
  });
});
