import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { Example } from '../../../../core/index.js';
import { compose, readData } from '../../../support/compose.js';
import { expectError } from '../../../support/errors.js';
import { instruction } from '../../../support/examples.js';
import { TemporaryFolder } from '../../../support/files.js';
import { LLAMA } from '../../../support/llama-fixture.js';
import { skip } from '../../../support/skip.js';

const RECORD = { instruction: 'Name a color.', input: '', output: 'Blue.' };
const JSON_LINE = `${JSON.stringify(RECORD)}\n`;

/** The head of a tar archive, and a file in it. */
function tar(name: string, content: string): Buffer {
  const head = Buffer.alloc(512);
  head.write(name);
  head.write('ustar', 257);
  return Buffer.concat([head, Buffer.from(content)]);
}

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
    ['is a zstd archive', Buffer.from('28b52ffd2400', 'hex'), 'unzstd'],
    ['is a bzip2 archive', Buffer.from('425a68393141', 'hex'), 'bunzip2'],
    ['is an xz archive', Buffer.from('fd377a585a000004', 'hex'), 'unxz'],
    ['is a 7z archive', Buffer.from('377abcaf271c0004', 'hex'), '7z x'],
    ['is a RAR archive', Buffer.from('526172211a0700', 'hex'), 'unrar'],
    ['is a tar archive', tar('data.json', JSON_LINE), 'tar -xf'],
    ['is an SQLite database', 'SQLite format 3\0rest', 'sqlite3'],
    ['is an Excel or Word file', Buffer.from('d0cf11e0a1b11ae1', 'hex'), 'JSON lines'],
    ['is a pickle', Buffer.from('80049500000000', 'hex'), 'JSON lines'],
    ['is a NumPy array', Buffer.from('934e554d505901', 'hex'), 'JSON lines'],
    ['is an HDF5 file', Buffer.from('894844460d0a1a0a', 'hex'), 'JSON lines'],
    ['is an Arrow table', 'ARROW1\0\0', 'pyarrow'],
    ['is an Arrow table', Buffer.from('ffffffff70000000', 'hex'), 'pyarrow'],
    ['is a PDF', '%PDF-1.7\n', 'JSON lines'],
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

  it('is told of text of which no line is JSON', async () => {
    const record = { instruction: 'a', output: 'b' };
    const line = JSON.stringify(record);
    const told = (content: string, ...texts: string[]) =>
      expectError(() => readData('alpaca', write('a.jsonl', content)), 'DATA_FILE', 'a.jsonl: ', ...texts);
    const pretty = JSON.stringify(record, null, 2);
    await told(`${pretty}\n${pretty}\n`, 'its records go over several lines', 'jq -c .');
    await told(`${line},\n${line},\n`, 'each with a comma behind it', 'sed');
    await told(
      'Question: what?\nAnswer: that.\n',
      'is text, and no JSON: its first line is Question: what?',
      '{"text"',
    );
    const python = write('a.json', "[{'instruction': 'a'}]");
    await expectError(() => readData('alpaca', python), 'DATA_RECORD', 'json.dump');
    const cut = write('b.json', `[\n${line},\n{"instruction": "a", "out`);
    await expectError(() => readData('alpaca', cut), 'DATA_RECORD', /is no JSON: .*line 3/);
  });

  it('may be one that the system does not let read', async function () {
    // It is an ordinary file by its looks, also to root.
    if (!existsSync('/proc/self/mem')) skip(this, 'there is no /proc/self/mem');
    const told = '/proc/self/mem: cannot be read: EIO';
    for (const format of ['alpaca', 'cot'])
      await expectError(() => readData(format, '/proc/self/mem'), 'DATA_FILE', told);
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
      'record 1: "history" is no list of [question, answer], but "Hi"',
      'record 2: "history"[1] is no [question, answer], but ["And?"]',
      'record 3: "output" is no text, but null, "history"[0][1] is no text, but 7',
      'record 4: "system" is no text, but ["Be brief."]',
    );
  });
});
