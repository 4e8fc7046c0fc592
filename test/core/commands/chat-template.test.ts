import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Prompt } from '../../../core/index.js';
import { evolve } from '../../support/cli.js';
import { encoderOf } from '../../support/compose.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { readGgufFile } from '../../support/gguf-file.js';
import { askPython, skipWithoutPython } from '../../support/python.js';
import { composeTestRun, EIGHT_ROWS } from '../../support/runs.js';

const CONVERSATIONS = [
  [['user', 'Name a fruit.']],
  [
    ['system', 'Be brief.'],
    ['user', 'Name a fruit.'],
    ['assistant', 'Apple'],
    ['user', 'And another?'],
  ],
].map((turns) => turns.map(([role, content]) => ({ role, content })));

describe('the chat template of an exported model', () => {
  let folder: TemporaryFolder;
  before(async () => {
    folder = new TemporaryFolder();
    const data = folder.write('rows.json', EIGHT_ROWS);
    await (await composeTestRun({ output: folder.join('run'), data, train: { maxSteps: 1 } })).trainer.run();
  });
  after(() => folder.remove());

  async function exported(command: string, ...args: string[]): Promise<string> {
    const output = folder.join(`out${Math.random()}`);
    const all = [command, '--run', folder.join('run'), ...args, '--output', output, '--device', 'portable'];
    const { status, stderr } = await evolve(all, { cwd: folder.path });
    expect(status, stderr).to.equal(0);
    const told = /chat template: that of the template "alpaca"/.test(stderr);
    expect(told, stderr).to.equal(!args.includes('--keep-chat-template'));
    return output;
  }
  const settingsOf = (place: string) =>
    JSON.parse(readFileSync(`${place}/tokenizer_config.json`, 'utf8')) as Record<string, unknown>;

  it('is that of data.template, in the folder and in GGUF; the rest of the settings stays', async () => {
    const { chat_template: template, ...others } = settingsOf(await exported('merge'));
    expect(template).to.include('### Instruction:').and.to.include('{{ bos_token }}');
    const { chat_template: _, ...base } = settingsOf(fixture('llama'));
    expect(others).to.deep.equal(base);
    const place = await exported('export', '--format', 'gguf', '--type', 'f32');
    expect(readGgufFile(`${place}/model.gguf`).metadata['tokenizer.chat_template']).to.equal(template);
  });

  it('is that of the base with --keep-chat-template', async () => {
    const place = await exported('merge', '--keep-chat-template');
    expect(settingsOf(place)).to.deep.equal(settingsOf(fixture('llama')));
    expect(existsSync(`${place}/chat_template.jinja`)).to.equal(false);
  });

  it('asks the model in transformers with the tokens of training', async function () {
    this.timeout(300_000);
    skipWithoutPython(this, 'transformers', 'jinja2');
    const place = await exported('merge');
    const found = askPython<number[][]>('core/commands/chat_template.py', [place], CONVERSATIONS);
    if ('missing' in found) throw new Error(found.missing);
    const encoder = await encoderOf({ model: { path: fixture('llama') } });
    const asked = CONVERSATIONS.map((turns) => encoder.encodePrompt({ turns } as Prompt));
    expect(found.answer).to.deep.equal(asked);
  });
});
