import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { cliOf } from '../../../support/cli.js';
import { readSource } from '../../../support/compose.js';
import { TemporaryFolder } from '../../../support/files.js';
import { evolveShared } from '../../../support/shared-cli.js';

const TALK = {
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Weather?' },
    {
      role: 'assistant',
      content: '',
      tool_calls: [{ function: { name: 'weather', arguments: { in: 'Paris' } } }],
    },
    { role: 'tool', content: 'sun' },
    { role: 'assistant', content: 'Sun.', train: false },
    { role: 'user', content: 'Ünd 😀?' },
    { role: 'assistant', content: 'Ja.' },
  ],
  tools: [{ name: 'weather' }],
};

describe('evolve data convert', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());
  const run = (...args: string[]) => evolveShared(['data', ...args], { cwd: folder.path });
  const read = async (file: string, format = 'auto') => {
    const examples = await readSource({ name: file, path: folder.join(file), format, index: 0 });
    return examples.map(({ source: _, language: __, ...example }) => example);
  };

  it('writes conversations such that they read back as they were, in every kind of file', async () => {
    folder.write('talks.jsonl', `${JSON.stringify(TALK)}\n`.repeat(3));
    const before = await read('talks.jsonl', 'chat');
    for (const ending of ['jsonl', 'json', 'parquet']) {
      const { stdout, status } = await run('convert', 'talks.jsonl', '--output', `out.${ending}`);
      expect(status).to.equal(0);
      expect(stdout).to.include(`3 records written to out.${ending}\n`);
      expect(await read(`out.${ending}`), ending).to.deep.equal(before);
    }
    expect(readdirSync(folder.path).filter((name) => name.endsWith('.tmp'))).to.deep.equal([]);
  });

  it('writes pairs and texts such that they read back as they were', async () => {
    folder.write('pairs.jsonl', '{"prompt":"Q","chosen":"A","rejected":"B"}\n');
    folder.write('texts.jsonl', '{"text":"One.\\nTwo."}\n');
    for (const [name, format] of [
      ['pairs', 'preference'],
      ['texts', 'text'],
    ])
      for (const ending of ['jsonl', 'parquet']) {
        await run('convert', `${name}.jsonl`, '--output', `${name}-out.${ending}`);
        const before = await read(`${name}.jsonl`, format);
        expect(await read(`${name}-out.${ending}`, format), ending).to.deep.equal(before);
      }
  });

  it('makes one question of an instruction with its input, or keeps both', async () => {
    folder.write('a.csv', 'instruction,input,output\nAdd.,1 and 2,3\n');
    const lines = (text: string) =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    const messages = await run('convert', 'a.csv', '--output', '-', '--format', 'alpaca');
    expect(lines(messages.stdout)).to.deep.equal([
      {
        messages: [
          { role: 'user', content: 'Add.\n1 and 2' },
          { role: 'assistant', content: '3' },
        ],
        source: 'a.csv',
      },
    ]);
    expect(messages.stderr).to.equal('1 records written to standard output\n');
    const kept = await run('convert', 'a.csv', '--output', '-', '--format', 'alpaca', '--as', 'instructions');
    expect(lines(kept.stdout)[0]).to.deep.include({ instruction: 'Add.', input: '1 and 2', output: '3' });
  });

  it('leaves no file where it fails, and replaces none that is there', async () => {
    folder.write('rows.jsonl', '{"instruction":"a","output":"b"}\n{"instruction":"a"}\n');
    const faulty = await run('convert', 'rows.jsonl', '--output', 'out.jsonl', '--format', 'alpaca');
    expect(faulty.status).to.equal(2);
    expect(faulty.stderr).to.include('record 2');
    expect(readdirSync(folder.path)).to.deep.equal(['rows.jsonl']);
    const left = await run(
      'convert',
      'rows.jsonl',
      '--output',
      'out.jsonl',
      '--format',
      'alpaca',
      '--skip-bad',
    );
    expect(left.stdout).to.match(
      /record 2.*"output" is missing[\s\S]*1 records written to out\.jsonl; 1 faulty records left out/,
    );
    const again = await run('convert', 'rows.jsonl', '--output', 'out.jsonl');
    expect(again.stderr).to.include('--output out.jsonl: is there already');
    const odd = await run('convert', 'rows.jsonl', '--output', 'out.xml');
    expect(odd.stderr).to.include('its ending says not what to write');
    expect([again.status, odd.status]).to.deep.equal([2, 2]);
  });

  it('refuses what the file cannot hold', async () => {
    folder.write('talks.jsonl', `${JSON.stringify(TALK)}\n`);
    folder.write('pairs.jsonl', '{"prompt":"Q","chosen":"A","rejected":"B"}\n');
    const { stderr } = await run('convert', 'talks.jsonl', '--output', 'o.json', '--as', 'instructions');
    expect(stderr).to.include('talks.jsonl has a conversation, which is no instruction with one answer');
    const mixed = await run('merge', 'talks.jsonl', 'pairs.jsonl', '--output', 'o.parquet');
    expect(mixed.stderr).to.include('a Parquet table has the same columns in all rows');
    expect(readdirSync(folder.path).sort()).to.deep.equal(['pairs.jsonl', 'talks.jsonl']);
  });

  it('ends by Ctrl-C, also while it waits for a pipe, and leaves nothing', async () => {
    execFileSync('mkfifo', [folder.join('pipe')]);
    const args = [cliOf(), 'data', 'convert', 'pipe', '--output', 'out.jsonl'];
    const child = spawn(process.execPath, args, { cwd: folder.path });
    while (!existsSync(folder.join(`out.jsonl.${child.pid}.tmp`))) await sleep(20);
    child.kill('SIGINT');
    const [status] = await once(child, 'close');
    expect(status).to.equal(130);
    expect(readdirSync(folder.path)).to.deep.equal(['pipe']);
  });

  it('needs no more memory for more records', async function () {
    this.timeout(60_000);
    const line = `${JSON.stringify({ instruction: 'a'.repeat(1000), output: 'b'.repeat(20_000) })}\n`;
    folder.write('big.jsonl', line.repeat(3_000));
    const env = { NODE_OPTIONS: '--max-old-space-size=64' };
    for (const output of ['out.jsonl', 'out.parquet']) {
      const args = ['data', 'convert', 'big.jsonl', '--format', 'alpaca', '--output', output];
      const { status, stderr } = await evolveShared(args, { cwd: folder.path, env });
      expect(status, stderr).to.equal(0);
    }
    expect(readFileSync(folder.join('out.jsonl'), 'utf8').split('\n')).to.have.lengthOf(3_001);
  });
});

describe('evolve data merge', () => {
  const folder = new TemporaryFolder();
  after(() => folder.remove());

  it('writes sources one behind the other, with their names and languages', async () => {
    folder.write('mine.jsonl', '{"question":"a","answer":"b"}\n');
    const args = [
      'data',
      'merge',
      'mine.jsonl',
      'belle',
      'cot',
      '--limit',
      '2',
      '--output',
      'all.jsonl',
      '--json',
    ];
    const { stdout, status } = await evolveShared(args, { cwd: folder.path });
    expect(status).to.equal(0);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map(({ type }) => type)).to.deep.equal(['notice', 'done']);
    const records = readFileSync(folder.join('all.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const sources = records.map(({ source, language }) => [source, language]);
    expect(sources[0]).to.deep.equal(['mine.jsonl', undefined]);
    expect(sources.filter(([source]) => source === 'belle')).to.have.lengthOf(2);
    expect(sources.at(-1)).to.deep.equal(['cot', 'en']);
    expect(events[1]).to.deep.include({ examples: records.length, faulty: 0, output: 'all.jsonl' });
  });
});

describe('evolve data format-cot', () => {
  const folder = new TemporaryFolder();
  after(() => folder.remove());

  it('phrases sets of question, answer and rationale, the same each time', async () => {
    folder.write('aqua_train.tsv', '1 + 1?\\n(A) 2\t(A)\tOne and one are two.\n2 + 2?\t4\tTwo and two.\n');
    folder.write('qed_train.tsv', 'Who?\tMe\tI am.\n');
    const args = (output: string) => [
      'data',
      'format-cot',
      'aqua_train.tsv',
      'qed_train.tsv',
      '--output',
      output,
    ];
    for (const output of ['one.json', 'two.json']) {
      const { status, stderr } = await evolveShared(args(output), { cwd: folder.path });
      expect(status, stderr).to.equal(0);
    }
    const text = readFileSync(folder.join('one.json'), 'utf8');
    expect(readFileSync(folder.join('two.json'), 'utf8')).to.equal(text);
    const records = JSON.parse(text);
    expect(records.map(({ source }: { source: string }) => source)).to.deep.equal(['aqua', 'aqua', 'qed']);
    expect(records[0].instruction).to.include('1 + 1?\n(A) 2');
    expect(records[0]).to.include({ input: '' });
    expect(records[0].output).to.match(/^One and one are two\. .*\(A\)\.$/);
  });
});
