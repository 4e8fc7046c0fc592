import { once } from 'node:events';
import { cpSync, rmSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { Example } from '../../../core/index.js';
import { compose, encoderOf } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { instruction } from '../../support/examples.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import type { Task } from './encoder-worker.js';

const PROMPT = { instruction: 'Name a color.', input: '' };
const EXAMPLES: readonly Example[] = [
  instruction({ ...PROMPT, output: 'Blue, 蓝色.' }),
  { kind: 'text', text: 'Name a color. '.repeat(4) },
];

describe('ModelAssembler.loadEncoder', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  it('needs neither weights nor a device', async () => {
    cpSync(fixture('llama'), folder.path, { recursive: true });
    rmSync(folder.join('model.safetensors'));
    const encoder = await encoderOf({ model: { path: folder.path }, device: 'portable' });
    expect(encoder.encodePrompt(PROMPT)).to.not.be.empty;
    expect(tf.getBackend(), 'no other device was opened').to.equal('cpu');
  });

  it('makes it of a file that holds all', async () => {
    const inFile = await encoderOf({ model: { path: fixture('gguf', 'llama.gguf') } });
    const inFolder = await encoderOf({ model: { path: fixture('llama') } });
    expect(inFile.encodePrompt(PROMPT)).to.deep.equal(inFolder.encodePrompt(PROMPT));
  });

  it('knows an adapter that is given as the model, and says what to do', async () => {
    const path = fixture('peft-adapter');
    await expectError(
      () => encoderOf({ model: { path } }),
      'MODEL_INVALID',
      'peft-adapter holds an adapter (adapter_config.json), no model',
      'its base model, test/fixtures/llama, as model.path, and this folder as adapter.init',
    );
    folder.write('adapter_config.json', '{');
    await expectError(
      () => encoderOf({ model: { path: folder.path } }),
      'MODEL_INVALID',
      'Give its base model as model.path',
    );
  });

  it('knows the folder of a run that is given as the model', async () => {
    folder.write('config.yaml', '');
    const refused = (text: string) =>
      expectError(
        () => encoderOf({ model: { path: folder.path } }),
        'MODEL_INVALID',
        'is the folder of a run',
        text,
      );
    await refused(`the adapter that it trained is ${folder.join('adapter')}`);
    folder.write('model/config.json', '{}');
    await refused(`The model that it trained is ${folder.join('model')}`);
  });

  it('takes the template that the configuration names', async () => {
    const promptOf = async (template: string) => {
      const values = { model: { path: fixture('llama') }, data: { sources: ['none'], template } };
      const encoder = await encoderOf(values);
      return encoder.tokenizer.decode(encoder.encodePrompt(PROMPT));
    };
    expect(await promptOf('plain')).to.equal('Name a color.\n');
    expect(await promptOf('alpaca')).to.match(/^Below is .*### Response:$/s);
  });

  for (const name of ['llama', 'bloom', 'chatglm', 'chatglm2']) {
    it(`makes in a worker thread the encoder that it makes in the main one, of ${name}`, async () => {
      const values = { model: { path: fixture(name) }, train: { seed: 3 } };
      const task: Task = { values, examples: EXAMPLES, prompt: PROMPT };
      const worker = new Worker(new URL('./encoder-worker.js', import.meta.url), { workerData: task });
      const [answer] = await once(worker, 'message');
      await worker.terminate();
      const encoder = await encoderOf(values);
      expect(answer).to.deep.equal({
        rows: EXAMPLES.map((example) => encoder.encode(example, 64)),
        prompt: encoder.encodePrompt(PROMPT),
      });
    });
  }

  it('tells the model types that there are where no backbone knows the model', async () => {
    folder.write('config.json', JSON.stringify({ model_type: 'gpt-5' }));
    await expectError(
      () => encoderOf({ model: { path: folder.path } }),
      'MODEL_UNKNOWN',
      'whose model_type is "gpt-5"',
      'Known are the model types bloom, chatglm, llama, mistral, qwen2, qwen3',
    );
  });

  it('tells what is wrong with the tokenizer before weights are read', async () => {
    cpSync(fixture('llama'), folder.path, { recursive: true });
    rmSync(folder.join('tokenizer.json'));
    folder.write('model.safetensors', 'no weights');
    const { assembler } = await compose({ model: { path: folder.path } }, { adapter: false });
    await expectError(() => assembler.assemble(), 'MODEL_INVALID', 'neither tokenizer.json nor');
  });

  it('says of a plugin that makes no template that it does not', async () => {
    const config = { model: { path: fixture('llama') }, data: { sources: ['none'], template: 'mine' } };
    const file = folder.write(
      'mine.ts',
      `import { definePlugin } from 'evolving-alpaca';
       export default definePlugin({
         name: 'mine',
         apiVersion: 2,
         family: 'templates',
         apply(trainer) {
           trainer.hooks.makeTemplate.tap(() => undefined);
         },
       });`,
    );
    await expectError(
      () => encoderOf({ ...config, plugins: [file] }),
      'PLUGIN_INVALID',
      'the plugin "mine" was asked for a template of that name, and made none',
    );
  });
});
