import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Prompt } from '../../../core/index.js';
import { encoderOf } from '../../support/compose.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { readGgufFile } from '../../support/gguf-file.js';
import { askPython, skipWithoutPython } from '../../support/python.js';
import { composeTestRun, EIGHT_ROWS } from '../../support/runs.js';
import { evolveShared } from '../../support/shared-cli.js';

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
    const { status, stderr } = await evolveShared(all, { cwd: folder.path });
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

describe('a run in the words of a chat template', () => {
  // A token of the vocabulary that this model takes for special, and that ends its turns.
  const END = '###';
  const TEMPLATE = `{% for m in messages %}{{ m.role[:1] + ': ' + m.content }}${END}{% endfor %}{% if add_generation_prompt %}a: {% endif %}`;
  let folder: TemporaryFolder;
  let endId: number;
  before(async function () {
    this.timeout(120_000);
    folder = new TemporaryFolder();
    cpSync(fixture('llama'), folder.join('model'), { recursive: true });
    const settings = JSON.parse(readFileSync(folder.join('model/tokenizer_config.json'), 'utf8'));
    const changed = { ...settings, additional_special_tokens: [END], chat_template: TEMPLATE };
    writeFileSync(folder.join('model/tokenizer_config.json'), JSON.stringify(changed));
    const { model } = JSON.parse(readFileSync(folder.join('model/tokenizer.json'), 'utf8'));
    endId = model.vocab[END];
    folder.write('rows.json', EIGHT_ROWS);
    folder.write('chat.jinja', `{{ bos_token }}${TEMPLATE}`);
    await trained('own', 'chat');
    await trained('mine', '{ name: chat, path: ./chat.jinja, variables: { mood: [calm] } }');
  });
  after(() => folder.remove());

  async function trained(name: string, template: string): Promise<void> {
    const data = `data: { sources: [{ path: ./rows.json }], template: ${template}, validationSize: 0 }`;
    const train = 'train: { maxSteps: 1, warmupSteps: 0, gradientAccumulationSteps: 1 }';
    folder.write(
      `${name}.yaml`,
      `model: { path: ./model }\n${data}\n${train}\ndevice: portable\noutput: ./${name}\n`,
    );
    // Paths in the file count from its folder, wherever the person stands.
    const { status, stderr } = await evolveShared(['run', folder.join(`${name}.yaml`)]);
    expect(status, stderr).to.equal(0);
  }
  async function exported(name: string, ...args: string[]): Promise<{ place: string; stderr: string }> {
    const place = folder.join(`out${Math.random()}`);
    const [command, ...further] = args;
    const { status, stderr } = await evolveShared([
      command,
      '--run',
      folder.join(name),
      ...further,
      '--output',
      place,
      '--device',
      'portable',
    ]);
    expect(status, stderr).to.equal(0);
    return { place, stderr };
  }
  const readJson = (...names: string[]) => JSON.parse(readFileSync(names.join('/'), 'utf8'));

  it('leaves a model with its own template, whose end token ends answers everywhere', async () => {
    const { place, stderr } = await exported('own', 'merge');
    expect(stderr).to.include("chat template: the base model's, with which the run trained");
    expect(readJson(place, 'tokenizer_config.json').chat_template).to.equal(TEMPLATE);
    expect(readJson(place, 'generation_config.json').eos_token_id).to.deep.equal([2, endId]);
    const gguf = await exported('own', 'export', '--format', 'gguf', '--type', 'f32');
    const { metadata } = readGgufFile(`${gguf.place}/model.gguf`);
    expect(metadata['tokenizer.ggml.eot_token_id']).to.equal(endId);
    expect(metadata['tokenizer.chat_template']).to.equal(TEMPLATE);
    // What is in the file asks the model in the same words.
    const asked = { instruction: 'Name a color.', input: '' };
    const prompts = await Promise.all(
      [folder.join('model'), place, `${gguf.place}/model.gguf`].map(async (path) => {
        const encoder = await encoderOf({ model: { path }, data: { sources: ['none'], template: 'chat' } });
        expect(encoder.tokenizer.stopIds).to.deep.equal([2, endId]);
        return encoder.encodePrompt(asked);
      }),
    );
    expect(prompts[1]).to.deep.equal(prompts[0]);
    expect(prompts[2]).to.deep.equal(prompts[0]);
  });

  it('leaves a model with the template of a file, and with its variables', async () => {
    const { place, stderr } = await exported('mine', 'merge');
    expect(stderr).to.include('chat template: that of the template "chat", with which the run trained');
    const { chat_template: template } = readJson(place, 'tokenizer_config.json');
    expect(template).to.include('{% set mood = ["calm"] %}').and.to.include(`{{ bos_token }}${TEMPLATE}`);
    const values = { data: { sources: ['none'], template: 'chat' } };
    const encoder = await encoderOf({ ...values, model: { path: place } });
    const path = folder.join('chat.jinja');
    const own = await encoderOf({
      model: { path: folder.join('model') },
      data: { sources: ['none'], template: { name: 'chat', path } },
    });
    const asked = { instruction: 'Name a color.', input: '' };
    expect(encoder.encodePrompt(asked)).to.deep.equal(own.encodePrompt(asked));
    expect(own.encodePrompt(asked).slice(0, 2)).to.not.deep.equal([1, 1]);
    expect(own.encodePrompt(asked)[0]).to.equal(1);
  });

  it('keeps what the base model has with --keep-chat-template', async () => {
    const { place } = await exported('mine', 'merge', '--keep-chat-template');
    expect(readJson(place, 'tokenizer_config.json').chat_template).to.equal(TEMPLATE);
    expect(existsSync(`${place}/generation_config.json`)).to.equal(
      existsSync(folder.join('model/generation_config.json')),
    );
  });

  it('answers in the words in which it was trained', async () => {
    const ask = ['--instruction', 'Name a color.', '--device', 'portable', '--max-new-tokens', '4', '--json'];
    const { status, stdout, stderr } = await evolveShared(['generate', '--run', folder.join('own'), ...ask]);
    expect(status, stderr).to.equal(0);
    expect(stdout).to.include('"instruction":"Name a color."');
  });
});
