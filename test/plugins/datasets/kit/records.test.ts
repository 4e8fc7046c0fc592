import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { type RawRecord, type RecordSource, readRecords } from '../../../../plugins/datasets/kit/index.js';
import { collect, expectError } from '../../../support/errors.js';
import { TemporaryFolder } from '../../../support/files.js';
import { skip } from '../../../support/skip.js';

const ROWS = [
  { question: '几个？', answer: 'two "2", and\nmore' },
  { question: 'a\u2028b', answer: '😀' },
];
const LINES = ROWS.map((row) => `${JSON.stringify(row)}\n`).join('');
const BOM = '\uFEFF';

/** A zstd frame of one block that is stored as it is. */
function zstd(content: string): Buffer {
  const bytes = Buffer.from(content);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes.length);
  // Magic number; a single segment whose size has four bytes; the size; a raw block that is the last.
  const header = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0]), size];
  const block = (bytes.length << 3) | 1;
  return Buffer.concat([...header, Buffer.from([block & 255, (block >> 8) & 255, block >> 16]), bytes]);
}

function parquet(): Buffer {
  const columnData = (['question', 'answer'] as const).map((name) => ({
    name,
    data: ROWS.map((row) => row[name]),
  }));
  return Buffer.from(parquetWriteBuffer({ columnData }));
}

const utf16 = (text: string, isBig = false) => {
  const bytes = Buffer.from(text, 'utf16le');
  return isBig ? bytes.swap16() : bytes;
};

/** 几个 in GB18030. */
const GB18030 = Buffer.concat([
  Buffer.from('{"question":"'),
  Buffer.from('bcb8b8f6bcb8b8f6', 'hex'),
  Buffer.from('"}\n'),
]);

describe('readRecords', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  const read = (content: string | Uint8Array, source: Partial<RecordSource> = {}): Promise<RawRecord[]> =>
    collect(readRecords({ path: folder.write('data', content), ...source }));
  const valuesOf = (records: readonly RawRecord[]) =>
    records.map(({ value, fault, where }) => (fault ? `${where}: ${fault}` : value));

  const table = (separator: string) =>
    ['question', 'answer'].join(separator) +
    ROWS.map(({ question, answer }) => `\n${question}${separator}"${answer.replaceAll('"', '""')}"`).join('');
  const containers: [what: string, content: string | Uint8Array][] = [
    ['JSON lines', LINES],
    ['an array', JSON.stringify(ROWS)],
    ['an array that is indented', `\n ${JSON.stringify(ROWS, null, 2).replaceAll('\n', '\r\n')}\n`],
    ['objects that are indented', ROWS.map((row) => JSON.stringify(row, null, 2)).join('\n')],
    ['objects one behind the other', LINES.replaceAll('\n', '')],
    ['arrays one behind the other', ROWS.map((row) => JSON.stringify([row])).join('\n')],
    ['an object around the records', JSON.stringify({ version: 1, data: ROWS }, null, 2)],
    ['a byte order mark before each line', LINES.replaceAll('{', `${BOM}{`)],
    ['lines that end with CR alone', LINES.replaceAll('\n', '\r')],
    ['CSV', `${BOM}${table(',')}`],
    ['CSV with semicolons', table(';')],
    ['TSV with quotes', table('\t')],
    ['Parquet', parquet()],
    ['gzip', gzipSync(LINES)],
    ['gzip of CSV', gzipSync(table(','))],
    ['two gzip files put together', Buffer.concat(ROWS.map((row) => gzipSync(`${JSON.stringify(row)}\n`)))],
    ['zstd', zstd(LINES)],
    ['UTF-16 with its mark', utf16(`${BOM}${JSON.stringify(ROWS, null, 1)}`)],
    ['UTF-16 of the other byte order', utf16(`${BOM}${LINES}`, true)],
  ];
  for (const [what, content] of containers) {
    it(`reads ${what}, by content and not by name`, async () => {
      expect(valuesOf(await read(content))).to.deep.equal(ROWS);
    });
  }

  it('reads cells without header as lists, and quotes in TSV as text where they are', async () => {
    const cells = [
      ['"Only" he said', 'no', 'It is.'],
      ['"What?"', 'yes', 'So'],
    ];
    expect(valuesOf(await read(cells.map((row) => row.join('\t')).join('\n')))).to.deep.equal(cells);
  });

  it('reads plain text as one text, with its line breaks, and long ones in parts', async () => {
    expect(valuesOf(await read('One, two.\n\nThree.\r\n'))).to.deep.equal(['One, two.\n\nThree.']);
    const long = Array.from({ length: 20_000 }, (_, i) => `Line ${i} of a long text.`);
    const parts = valuesOf(await read(long.join('\n'))) as string[];
    expect(parts.length).to.be.above(1);
    expect(parts.join('\n')).to.equal(long.join('\n'));
  });

  it('reads NaN and Infinity, which Python writes, as null, and leaves them in texts', async () => {
    const written = '{"a": NaN, "b": [-Infinity, Infinity], "c": "NaN \\" Infinity"}';
    expect(valuesOf(await read(written))).to.deep.equal([{ a: null, b: [null, null], c: 'NaN " Infinity' }]);
  });

  it('reads a list of an object that has several once the source says which', async () => {
    const splits = JSON.stringify({ train: ROWS, test: ROWS.slice(1) });
    await expectError(() => read(splits), 'DATA_FILE', 'train, test', 'split: train');
    expect(valuesOf(await read(splits, { split: 'test' }))).to.deep.equal(ROWS.slice(1));
  });

  it('reads what else has a name as an encoding', async () => {
    expect(valuesOf(await read(GB18030, { encoding: 'gb18030' }))).to.deep.equal([{ question: '几个几个' }]);
    expect(valuesOf(await read(utf16(LINES), { encoding: 'utf-16le' }))).to.deep.equal(ROWS);
  });

  it('tells record, line and byte of each record, from 1', async () => {
    const records = await read(`\n${BOM}[\n ${JSON.stringify(ROWS[0])},\n\n ${JSON.stringify(ROWS[1])}]`);
    const [first, second] = ROWS.map((row) => Buffer.byteLength(JSON.stringify(row)));
    expect(records.map(({ where }) => where)).to.deep.equal([
      'record 1, line 3, byte 8',
      `record 2, line 5, byte ${8 + first + 4}`,
    ]);
    expect(second).to.be.above(0);
    const rows = await read('input,output\n"a\nb",c\nd,e\n');
    expect(rows.map(({ where }) => where)).to.deep.equal([
      'record 1, line 2, byte 14',
      'record 2, line 4, byte 22',
    ]);
  });

  it('says that a file cannot be read where the system does not let it', async function () {
    // It is an ordinary file by its looks, also to root.
    if (!existsSync('/proc/self/mem')) skip(this, 'there is no /proc/self/mem');
    const reading = () => collect(readRecords({ path: '/proc/self/mem' }));
    await expectError(reading, 'DATA_FILE', '/proc/self/mem: cannot be read: EIO');
  });

  it('says of the quotes of Python what they are', async () => {
    const [, told] = valuesOf(await read("[{}, {'instruction': 'a'}]"));
    expect(told).to.match(/^record 2, .* is no JSON: .* json\.dump writes JSON/);
  });

  describe('goes on behind a fault, and tells its place', () => {
    const good = JSON.stringify(ROWS[0]);
    const size = Buffer.byteLength(good);
    const faults: [what: string, content: string | Uint8Array, ...told: (string | object)[]][] = [
      ['a broken line', `{"a": 'b'}\n${good}`, /^record 1, line 1, byte 1: is no JSON: /, ROWS[0]],
      ['a comment', `// mine\n${good}`, /^record 1, line 1, byte 1: is no JSON: /, ROWS[0]],
      [
        'a comma that is missing',
        `[${good}\n${good}]`,
        ROWS[0],
        `line 2, byte ${size + 3}: a comma is missing before this record`,
        ROWS[0],
      ],
      [
        'a comma too many',
        `[${good},\n]`,
        ROWS[0],
        `line 2, byte ${size + 4}: the array ends here with a comma before its end`,
      ],
      [
        'an array that is cut off',
        `[${good},{"a": "b`,
        ROWS[0],
        `record 2, line 1, byte ${size + 3}: is cut off: the file ends in it`,
      ],
      [
        'an array that is not closed',
        `[${good}`,
        ROWS[0],
        `line 1, byte ${size + 2}: the array that begins at line 1, byte 1 is not closed: the file is cut off`,
      ],
      [
        'a line that is cut off',
        `${good}\n{"a": "b`,
        ROWS[0],
        new RegExp(`^record 2, line 2, byte ${size + 2}: is no JSON: `),
      ],
      [
        'commas behind the lines',
        `${good},\n${good},\n`,
        ROWS[0],
        `line 1, byte ${size + 1}: a comma stands behind a record, outside of an array; further ones are not told`,
        ROWS[0],
      ],
      [
        'something behind the array',
        `[${good}]\n]`,
        ROWS[0],
        `line 2, byte ${size + 4}: "]" stands here, and nothing is open`,
      ],
      [
        'a row with fewer cells',
        'input,output\na,b\nc\n',
        { input: 'a', output: 'b' },
        'record 2, line 3, byte 18: has 1 cells, but the header has 2: input, output',
      ],
      [
        'a byte that is no UTF-8',
        Buffer.concat([Buffer.from(`${good}\n{"a":"中文`), Buffer.from([0xff]), Buffer.from('"}\n')]),
        ROWS[0],
        new RegExp(
          `^record 2, line 2, byte ${size + 2}: byte 0xff after .* is no UTF-8 .a byte is damaged.$`,
        ),
      ],
      [
        'Latin-1',
        Buffer.from('{"a":"caf\xe9 noir"}\n', 'latin1'),
        /a source with encoding: windows-1252 reads it/,
      ],
      ['GB18030', GB18030, /a source with encoding: gb18030 reads it/],
    ];
    for (const [what, content, ...told] of faults) {
      it(what, async () => {
        const values = valuesOf(await read(content));
        expect(values).to.have.lengthOf(told.length);
        for (const [i, value] of told.entries()) {
          if (value instanceof RegExp) expect(values[i]).to.match(value);
          else expect(values[i]).to.deep.equal(value);
        }
      });
    }
  });

  describe('refuses, and says what it is and what to do,', () => {
    const tar = Buffer.alloc(600);
    tar.write('data.json');
    tar.write('ustar', 257);
    const lfs = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n';
    const columns = { question: ['a', 'b'], answer: ['c', 'd'] };
    const cases: [
      what: string,
      content: string | Uint8Array,
      told: string,
      source?: Partial<RecordSource>,
    ][] = [
      ['a zip archive', Buffer.from('PK\u0003\u0004rest', 'latin1'), 'unzip'],
      ['a bzip2 archive', Buffer.from('425a68393141', 'hex'), 'bunzip2'],
      ['an xz archive', Buffer.from('fd377a585a000004', 'hex'), 'unxz'],
      ['a tar archive', tar, 'tar -xf'],
      ['an SQLite database', 'SQLite format 3\0rest', 'sqlite3'],
      ['a pickle', Buffer.from('80049500000000', 'hex'), 'JSON lines'],
      ['an Arrow table', 'ARROW1\0\0', 'pyarrow'],
      ['a PDF', '%PDF-1.7\n', 'JSON lines'],
      ['a pointer of Git LFS', lfs, 'git lfs pull'],
      ['a web page', '<!DOCTYPE html>\n<html>', 'Download the file itself'],
      ['text in UTF-16 without its mark', utf16(LINES), 'encoding: utf-16le'],
      ['one object that holds columns', JSON.stringify(columns), "orient='records'"],
      ['gzip archive is cut off', gzipSync(LINES).subarray(0, -20), 'Fetch or pack'],
      ['zstd archive is cut off', zstd(LINES).subarray(0, 40), 'Fetch or pack'],
      ['a Parquet table that cannot be read', parquet().subarray(0, 200), 'Fetch or write'],
      ['there is no encoding "gbkk"', LINES, 'gb18030', { encoding: 'gbkk' }],
      [
        'is UTF-8, but the source has encoding: gb18030',
        LINES,
        'Leave encoding out',
        { encoding: 'gb18030' },
      ],
      [
        'is no text in gb18030',
        Buffer.from('{"a":"\xff\xff"}', 'latin1'),
        'name its encoding',
        { encoding: 'gb18030' },
      ],
      [
        'byte 16, line 2: byte 0xbc',
        Buffer.concat([Buffer.from('input,output\nx,'), GB18030.subarray(13, 21)]),
        'encoding: gb18030',
      ],
    ];
    for (const [what, content, told, source] of cases) {
      it(what, () => expectError(() => read(content, source), 'DATA_FILE', what, told));
    }
  });

  it('reads a value of 20 MB, and finds values however the file falls into pieces', async () => {
    const big = { question: 'x'.repeat(20_000_000), answer: '"\\' };
    const [first, second] = await read(JSON.stringify([big, ROWS[0]]));
    expect((first.value as typeof big).question).to.have.lengthOf(20_000_000);
    expect(second.value).to.deep.equal(ROWS[0]);
    const many = Array.from({ length: 9000 }, (_, i) => ({
      i,
      text: `${'\\'.repeat(i % 7)}"${'中'.repeat(i % 50)}[{`,
    }));
    expect(valuesOf(await read(JSON.stringify(many, null, 1)))).to.deep.equal(many);
    expect(valuesOf(await read(many.map((each) => JSON.stringify(each)).join('\n')))).to.deep.equal(many);
  });

  it('reads a folder and a wild-card, in the order of names, and names the file of each record', async () => {
    folder.write('set/b.jsonl', JSON.stringify(ROWS[1]));
    folder.write('set/a.jsonl.gz', gzipSync(JSON.stringify(ROWS[0])));
    folder.write('set/README.md', '# Mine');
    folder.write('set/deep/c.json', JSON.stringify([{ c: 1 }]));
    folder.write('set/.hidden.json', '[{}]');
    const of = (...names: string[]) => collect(readRecords({ path: folder.join('set', ...names) }));
    const records = await of();
    expect(valuesOf(records)).to.deep.equal(ROWS);
    const told: string[] = [];
    const path = folder.join('set');
    await collect(readRecords({ path }, undefined, undefined, (message) => told.push(message)));
    expect(told).to.deep.equal([
      `${path}: 2 data files are read; left out: README.md, deep/ (the wild-card ${path}/**/* reads folders too)`,
    ]);
    const named = await collect(readRecords({ path, files: [folder.join('set', 'deep', 'c.json')] }));
    expect(valuesOf(named)).to.deep.equal([{ c: 1 }]);
    expect(records[1].where).to.match(/set\/b\.jsonl, record 1, line 1, byte 1$/);
    expect(valuesOf(await of('*.jsonl*'))).to.deep.equal(ROWS);
    expect(valuesOf(await of('?.jsonl'))).to.deep.equal([ROWS[1]]);
    expect(valuesOf(await of('**', '*.json*'))).to.deep.equal([...ROWS, { c: 1 }]);
    await expectError(() => of('*.csv'), 'DATA_FILE', 'no file fits this');
    folder.write('empty/x.md', '');
    folder.write('empty/data/x.json', '');
    await expectError(
      () => collect(readRecords({ path: folder.join('empty') })),
      'DATA_FILE',
      'is a folder with no data file in it, but the folders data/',
    );
    await expectError(() => of('none.json'), 'DATA_FILE', 'cannot be read');
  });

  it('reads a pipe, waits for who writes into it, and stops waiting when it is interrupted', async () => {
    const pipe = folder.join('pipe');
    execFileSync('mkfifo', [pipe]);
    const records = collect(readRecords({ path: pipe }));
    const written = folder.write('written', gzipSync(LINES));
    spawn('sh', ['-c', `sleep 0.2; cat ${written} > ${pipe}`]);
    expect(valuesOf(await records)).to.deep.equal(ROWS);
    const interruption = new AbortController();
    const waiting = collect(readRecords({ path: pipe }, interruption.signal));
    setTimeout(() => interruption.abort(), 50);
    let ended: unknown;
    await waiting.catch((error) => {
      ended = error;
    });
    expect(ended).to.be.instanceOf(Error);
  });

  it('tells the very byte that is no text in another encoding, wherever it is', async () => {
    // \xb0\xa1 is a character of GB 18030; \xff is none.
    const line = `{"a":"${'\u00b0\u00a1'.repeat(10)}"}\n`;
    const text = `${line.repeat(2000)}{"b":"\u00b0\u00a1\u00ff"}\n${line}`;
    const path = folder.write('gb.jsonl', Buffer.from(text, 'latin1'));
    const byte = text.indexOf('\u00ff') + 1;
    await expectError(
      () => collect(readRecords({ path, encoding: 'gb18030' })),
      'DATA_FILE',
      `gb.jsonl, line 2001, byte ${byte}: is no text in gb18030`,
    );
  });

  it('leaves no file open where it is left in the midst', async () => {
    const path = folder.write('data', LINES.repeat(20_000));
    for (let i = 0; i < 3; i++) for await (const _ of readRecords({ path })) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
    const open = execFileSync('ls', ['-l', `/proc/${process.pid}/fd`]).toString();
    expect(open).to.not.include(path);
  });
});
