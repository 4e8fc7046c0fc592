import { expect } from 'chai';
import { readCatalogue } from '../../../core/data/catalogue.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { evolveShared } from '../../support/shared-cli.js';

const CHAT = {
  conversations: [
    { from: 'human', value: 'Hi' },
    { from: 'gpt', value: 'Hello' },
  ],
};

describe('evolve data', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());
  const run = (...args: string[]) => evolveShared(['data', ...args], { cwd: folder.path });
  const lines = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('lists the names of the catalogue', async () => {
    const catalogue = readCatalogue();
    const { stdout } = await run('list');
    for (const [name, { about }] of Object.entries(catalogue))
      expect(stdout).to.match(new RegExp(`^${name} .*${about.slice(0, 12)}`, 'm'));
    expect(lines((await run('list', '--json')).stdout).map(({ name }) => name)).to.deep.equal(
      Object.keys(catalogue),
    );
  });

  it('shows a name, and takes a slip of one for what was meant', async () => {
    expect((await run('show', 'cot')).stdout).to.match(
      /^cot: English .*\nlanguages: en\n(.*\n)*rows: 74,771\n(.*\n)*sample: samples\/cot\.tsv\nfull: QingyiSi\/Alpaca-CoT on the hub: .*CoT_data\.json, 34\.3 MB/,
    );
    const { stderr, status } = await run('show', 'cott');
    expect(stderr).to.include('there is no data name "cott" (did you mean "cot"?), and no such file');
    expect(status).to.equal(2);
  });

  it('inspects a file: what it is taken for, and rows with what is trained on', async () => {
    folder.write('chat.jsonl', `${JSON.stringify(CHAT)}\n`.repeat(5));
    const { stdout, status } = await run('inspect', 'chat.jsonl', '--rows', '2');
    expect(status).to.equal(0);
    expect(stdout).to.include(
      'chat.jsonl: JSON of conversations (messages is "conversations"), read as format: chat',
    );
    expect(stdout.split('### Response:⟦ Hello ⟨end⟩⟧')).to.have.lengthOf(3);
    const shown = await run('show', 'chat.jsonl', '--json');
    expect(lines(shown.stdout).map(({ type }) => type)).to.deep.equal(['notice', 'row', 'row', 'row']);
    const plain = await run('inspect', 'chat.jsonl', '--rows', '1', '--template', 'plain');
    expect(plain.stdout).to.include('Hi\n⟦Hello⟨end⟩⟧');
  });

  it('inspects rows in the tokens of a model, special ones by their names', async () => {
    const said = (...contents: string[]) => ({
      messages: contents.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content })),
    });
    folder.write(
      'chat.jsonl',
      [said('Say </s>', 'No.'), said('a', 'b', 'c', 'd')].map((row) => JSON.stringify(row)).join('\n'),
    );
    folder.write(
      'one.jinja',
      "{{ bos_token }}{% if messages | length > 2 %}{{ raise_exception('too long') }}{% endif %}{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}",
    );
    const model = ['--model', fixture('bloom')];
    const { stdout, stderr, status } = await run(
      'inspect',
      'chat.jsonl',
      '--template',
      '{ name: chat, path: ./one.jinja }',
      ...model,
    );
    expect(status, stderr).to.equal(0);
    expect(stdout).to.include('row 1 of chat.jsonl\n<s><user>Say </s></s>\n<assistant>⟦No.</s>⟧\n');
    expect(stdout).to.include(
      'row 2 of chat.jsonl\n(the chat template of one.jinja refuses the conversation: too long)',
    );
    const alpaca = await run('inspect', 'chat.jsonl', '--json', ...model);
    const [, row] = lines(alpaca.stdout);
    expect(row.inputIds).to.have.lengthOf(row.labels.length);
    expect(row.labels.filter((label: number) => label !== -100)).to.deep.equal(
      row.inputIds.slice(-row.labels.filter((label: number) => label !== -100).length),
    );
    const missing = await run('inspect', 'chat.jsonl', '--template', 'chat');
    expect(missing.stderr).to.include('there is no model').and.to.include('--model');
    const none = await run('inspect', 'chat.jsonl', '--template', 'chat', ...model);
    expect(none.stderr).to.include('has no chat template').and.to.include('path: ./mine.jinja');
  });

  it('shows pairs, texts, and what a template has no words for', async () => {
    folder.write('pairs.json', JSON.stringify([{ prompt: 'Q', chosen: 'A', rejected: 'B' }]));
    expect((await run('inspect', 'pairs.json')).stdout).to.include('Q\nchosen: A\nrejected: B\n');
    folder.write('texts.json', JSON.stringify([{ text: 'One\u001b[2J.' }]));
    expect((await run('inspect', 'texts.json')).stdout).to.include('⟦One\\x1b[2J.⟨end⟩⟧');
    folder.write('tools.json', JSON.stringify([{ ...CHAT, tools: [{ name: 'weather' }] }]));
    const { stdout } = await run('inspect', 'tools.json');
    expect(stdout).to.match(
      /\(.* offers tools.*\)\ntools: \[\{"name":"weather"\}\]\nuser: Hi\nassistant: ⟦Hello⟧/,
    );
  });

  it('reads a file as its options say, also from standard input and in another encoding', async () => {
    const gb18030 = Buffer.concat([
      Buffer.from('title,reply\n'),
      Buffer.from('bcb8b8f6', 'hex'),
      Buffer.from(',A\n'),
    ]);
    folder.write('mine.csv', gb18030);
    const { stdout, stderr } = await run(
      'inspect',
      'mine.csv',
      '--format',
      'instruct',
      '--columns',
      '{ instruction: title, output: reply }',
      '--encoding',
      'gb18030',
    );
    expect(stdout, stderr).to.match(/### Instruction:\n几个\n\n### Response:⟦ A ⟨end⟩⟧/);
  });

  it('checks a file: every fault with its place, and no more than the file needs', async () => {
    folder.write('rows.jsonl', `{"instruction":"a","output":"b"}\n${'{"instruction":"a"}\n'.repeat(20)}{\n`);
    const { stdout, stderr, status } = await run('check', 'rows.jsonl', '--format', 'alpaca');
    expect(status).to.equal(2);
    expect(stdout).to.match(
      /record 21, line 21, byte \d+: "output" is missing\nrecord 22, line 22, byte \d+: is no JSON/,
    );
    expect(stderr).to.include('rows.jsonl: 21 records are faulty; 1 examples can be read');
    const told = lines((await run('check', 'rows.jsonl', '--format', 'alpaca', '--json')).stdout).map(
      ({ type }) => type,
    );
    expect(told).to.deep.equal([...Array.from({ length: 21 }, () => 'fault'), 'error']);
    folder.write('good.jsonl', '{"instruction":"a","output":"b"}\n');
    const good = await run('check', 'good.jsonl', '--format', 'alpaca');
    expect(good).to.include({ status: 0, stdout: '1 examples, none faulty\n' });
  });

  for (const [what, args, told] of [
    ['a file that is not there', ['check', 'nope.json'], 'nope.json: there is no such file'],
    [
      'a format that is not there',
      ['check', 'a.json', '--format', 'alpaka'],
      'unknown data format "alpaka" (did you mean "alpaca"?)',
    ],
    ['a mapping that is none', ['check', 'a.json', '--columns', '{'], '--columns {: is no YAML'],
    [
      'a template that is not there',
      ['inspect', 'a.json', '--template', 'alpaka'],
      '"alpaka" (did you mean "alpaca"?)',
    ],
    ['a file without records', ['check', 'a.json'], 'a.json has no record'],
  ] as const) {
    it(`refuses ${what}`, async () => {
      folder.write('a.json', '[]');
      const { stderr, status } = await run(...args);
      expect(stderr).to.include(told);
      expect(status).to.equal(2);
    });
  }
});
