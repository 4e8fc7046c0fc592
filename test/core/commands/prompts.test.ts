import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { promptsOf } from '../../../core/commands/prompts.js';
import { cliOf } from '../../support/cli.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';

const TWO = [
  { instruction: 'Name a fruit.', input: '' },
  { instruction: '翻译。', input: '你好' },
];

describe('the instructions of --input-file', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());
  const read = (name: string, content: string | Uint8Array) => {
    writeFileSync(folder.join(name), content);
    return promptsOf({ inputFile: folder.join(name) });
  };
  const lines = TWO.map((prompt) => JSON.stringify(prompt)).join('\n');

  it('are JSON lines or an array, whatever the name, also after a byte order mark', () => {
    for (const name of ['q.jsonl', 'q.json', 'q.txt', 'q'])
      for (const content of [
        lines,
        `\uFEFF${lines}\r\n`,
        JSON.stringify(TWO),
        `\uFEFF${JSON.stringify(TWO, null, 2)}`,
      ])
        expect(read(name, content), `${name}: ${content}`).to.deep.equal(TWO);
    expect(read('q.json', '[{"instruction":"a","input":null}]')).to.deep.equal([
      { instruction: 'a', input: '' },
    ]);
  });

  it('are lines of text otherwise', () => {
    const text = '\uFEFF[1] Name a fruit.\r\n\n  {x} is what?  \na\u2028b\n';
    expect(read('q.txt', text).map(({ instruction }) => instruction)).to.deep.equal([
      '[1] Name a fruit.',
      '{x} is what?',
      'a\u2028b',
    ]);
  });

  it('are refused with their place where they are faulty', async () => {
    const refused = (content: string | Uint8Array, ...texts: string[]) =>
      expectError(() => read('q.jsonl', content), 'COMMAND_LINE', folder.join('q.jsonl'), ...texts);
    await refused(Buffer.from('{"instruction":"caf\u00e9"}\n', 'latin1'), 'line 1: byte 0xe9', 'iconv');
    await refused(gzipSync(lines), 'is a gzip archive', 'gunzip');
    await refused(`${lines}\n{"prompt": "a"}`, 'line 3: expected an instruction', 'got {"prompt":"a"}');
    await refused('[{"instruction": "a"}, {}]', 'record 2: expected an instruction');
    await refused('{"instruction": "a"\n', 'line 1: is no JSON');
    await refused('\n \n', 'is empty');
    await expectError(() => promptsOf({ instruction: ' ' }), 'COMMAND_LINE', '--instruction is empty');
    await expectError(() => promptsOf({ inputFile: folder.path }), 'COMMAND_LINE', 'it is a folder');
  });

  it('are refused where what a conversation has besides would be lost', async () => {
    const record = { ...TWO[0], system: '', history: [] };
    expect(read('q.json', JSON.stringify([record]))).to.deep.equal([TWO[0]]);
    const further = { ...record, system: 'Be brief.', history: [['Hi', 'Hello']] };
    const file = () => read('q.json', JSON.stringify([record, further]));
    await expectError(file, 'COMMAND_LINE', 'record 2: has system and history, which would be lost');
  });

  it('are those of standard input where the file is -', () => {
    const args = [
      'generate',
      '--model',
      fixture('llama'),
      '--input-file',
      '-',
      '--json',
      '--max-new-tokens',
      '1',
    ];
    const options = { input: lines, encoding: 'utf8' } as const;
    const { stdout, stderr, status } = spawnSync(process.execPath, [cliOf(), ...args], options);
    expect(status, stderr).to.equal(0);
    const asked = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).instruction);
    expect(asked).to.deep.equal(TWO.map(({ instruction }) => instruction));
    const plain = spawnSync(process.execPath, [cliOf(), ...args.filter((arg) => arg !== '--json')], options);
    expect(plain.stdout).to.match(/^> Name a fruit\.\n.*\n\n> 翻译。\n> 你好\n/s);
  });
});
