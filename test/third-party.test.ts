import { copyFileSync, mkdirSync } from 'node:fs';
import { expect } from 'chai';
import { Random } from '../core/base/random.js';
import { writeSafetensors } from '../plugins/checkpoints/safetensors/write.js';
import { type CliResult, evolve } from './support/cli.js';
import { fixture, TemporaryFolder } from './support/files.js';
import { blockBelow, readPage } from './support/markdown.js';
import { readJson, readSteps } from './support/runs.js';
import { evolveShared } from './support/shared-cli.js';

const readme = readPage('README.md');
const pluginsPage = readPage('plugins/README.md');

const QUIET = `import { definePlugin } from 'evolving-alpaca';
  export default definePlugin({ name: 'quiet', apiVersion: 2, family: 'objectives', apply() {} });`;

describe("a third party's plugins, those of README.md and plugins/README.md, in a folder outside the project", () => {
  let folder: TemporaryFolder;
  let ran: CliResult;

  before(async () => {
    folder = new TemporaryFolder();
    folder.write('faq.ts', blockBelow(readme, 'Write a plugin', 'ts'));
    folder.write('bigram.ts', blockBelow(pluginsPage, 'A backbone', 'ts'));
    folder.write('my.yaml', blockBelow(pluginsPage, 'A backbone', 'yaml'));
    folder.write('faq.txt', Array.from({ length: 8 }, (_, i) => `What is ${i}? | It is ${i}.\n`).join(''));
    mkdirSync(folder.join('bigram'));
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
      copyFileSync(fixture('llama', name), folder.join('bigram', name));
    }
    const vocabulary = Number(readJson(fixture('llama', 'config.json')).vocab_size);
    const hidden = 16;
    const config = { model_type: 'bigram', vocab_size: vocabulary, hidden_size: hidden };
    folder.write('bigram/config.json', JSON.stringify(config));
    const random = new Random(1);
    const tensor = (rows: number) => ({
      shape: [rows, hidden],
      values: random.uniform(rows * hidden, -1, 1),
    });
    await writeSafetensors({
      path: folder.join('bigram', 'model.safetensors'),
      tensors: new Map([
        ['table.weight', tensor(vocabulary)],
        ['mix.weight', tensor(hidden)],
        ['output.weight', tensor(vocabulary)],
      ]),
    });
    ran = await evolve(['run', 'my.yaml'], { cwd: folder.path });
  });
  after(() => folder.remove());

  it('adds a dataset format and a backbone', () => {
    expect(ran.stderr).to.equal('');
    expect(ran.status).to.equal(0);
    const output = folder.join('runs', 'my');
    const steps = readSteps(output);
    expect(steps).to.have.length(5);
    expect(steps[4].loss).to.be.below(steps[0].loss);
    expect(readJson(output, 'adapter', 'adapter_config.json').target_modules).to.deep.equal(['mix']);
  });

  it('reads data for a built-in backbone too, named as README.md names it', async () => {
    folder.write('faq.yaml', blockBelow(readme, 'Write a plugin', 'yaml'));
    const model = `model.path=${fixture('llama')}`;
    const { status, stderr } = await evolveShared(
      ['run', 'faq.yaml', '--set', model, '--set', 'train.maxSteps=1', '--set', 'data.validationSize=0'],
      { cwd: folder.path },
    );
    expect(stderr).to.equal('');
    expect(status).to.equal(0);
  });

  it('is listed by evolve plugins', async () => {
    const { stdout } = await evolveShared(['plugins', 'my.yaml'], { cwd: folder.path });
    expect(stdout).to.match(/^ {2}bigram +loadEncoder, loadModel {2}\(third party\)$/m);
    expect(stdout).to.match(/^ {2}faq +loadData {2}\(third party\)$/m);
  });

  it('is told where a run lists it and does not use it, and evolve plugins lists what the run uses', async () => {
    folder.write('quiet.ts', QUIET);
    const yaml = blockBelow(pluginsPage, 'A backbone', 'yaml');
    folder.write('quiet.yaml', yaml.replace('./faq.ts]', './faq.ts, ./quiet.ts]'));
    const notice = 'plugins: lists the objective "quiet", but no key names it, so it is not used';
    const ran = await evolveShared(['run', 'quiet.yaml', '--set', 'train.maxSteps=1'], { cwd: folder.path });
    expect(ran.stdout).to.include(`${notice}; train.objective: { name: "quiet" } would use it`);
    const { stdout } = await evolveShared(['plugins', 'quiet.yaml', '--json'], { cwd: folder.path });
    const listed = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const objectives = listed.filter(({ family }) => family === 'objectives');
    expect(objectives).to.deep.equal([
      { name: 'next-token', family: 'objectives', builtIn: true, used: true, taps: ['makeObjective'] },
      { name: 'quiet', family: 'objectives', builtIn: false, used: false, taps: [] },
    ]);
    const names = listed.map(({ name }) => name);
    expect(names)
      .to.include.members(['faq', 'bigram', 'int8', 'lora'])
      .and.not.include.oneOf(['nf4', 'lion', 'json']);
  });

  it('is answered with by evolve generate', async () => {
    const args = ['generate', '--run', 'runs/my', '--instruction', 'What is 1?', '--max-new-tokens', '3'];
    const { status } = await evolveShared(args, { cwd: folder.path });
    expect(status).to.equal(0);
  });

  it('goes by the name of an npm package, and takes options that its schema checks', async () => {
    const manifest = { name: 'evolve-plugin-shout', type: 'module', exports: { import: './main.js' } };
    folder.write('node_modules/evolve-plugin-shout/package.json', JSON.stringify(manifest));
    folder.write(
      'node_modules/evolve-plugin-shout/main.js',
      `import { definePlugin, z } from 'evolving-alpaca';
       export default definePlugin({
         name: 'shout',
         apiVersion: 2,
         schema: z.strictObject({ word: z.string() }),
         apply(trainer, { word }) {
           trainer.hooks.done.tap(() => trainer.notice(word.toUpperCase()));
         },
       });`,
    );
    const shout = (options: string) =>
      evolveShared(
        [
          'run',
          'my.yaml',
          '--output',
          'shouted',
          '--set',
          `plugins=[./bigram.ts, ./faq.ts, [evolve-plugin-shout, ${options}]]`,
        ],
        {
          cwd: folder.path,
        },
      );
    const done = await shout('{ word: hey }');
    expect(done.stderr).to.equal('');
    expect(done.stdout).to.match(/^HEY$/m);
    const refused = await shout('{ wrd: hey }');
    expect(refused.status).to.equal(2);
    expect(refused.stderr).to.include('unknown key "plugins.2.1.wrd" (did you mean "word"?)');
  });

  it('is refused where it is not one, each with what to do', async () => {
    let count = 0;
    const refused = async (code: string, text: string) => {
      const name = `other-${++count}.mjs`;
      folder.write(name, code);
      const args = ['run', 'my.yaml', '--output', 'no', '--set', `plugins=[./${name}]`];
      const { status, stderr } = await evolveShared(args, { cwd: folder.path });
      expect(stderr).to.include(text);
      expect(status).to.equal(2);
    };
    await refused('export const nothing = 1;', 'has no default export, only nothing');
    await refused(
      'export default { name: "x", apiVersion: 3, apply() {} };',
      'written for API version 3, and this is version 2',
    );
    await refused(
      'export default { name: "x", apiVersion: 1, apply() {} };',
      'Set apiVersion: 2, and change what of this the plugin uses (plugins/README.md has more)',
    );
    await refused('export default { name: "x", apiVersion: 2 };', 'has no function apply');
    await refused('import "no-such-package"; export default {};', 'cannot be loaded');
    await refused(
      'export default { name: "x", apiVersion: 2, apply() { throw new Error("oh"); } };',
      'failed in apply(): oh',
    );
    await refused(
      'export default { name: "x", apiVersion: 2, async apply() { throw new Error("later"); } };',
      'failed in apply(): it returned a promise',
    );
  });

  it('tells faults of its data as the built-in formats do', async () => {
    folder.write('faq.txt', 'What is 1? | It is 1.\nno bar here\n');
    const { status, stderr } = await evolveShared(['run', 'my.yaml', '--output', 'other'], {
      cwd: folder.path,
    });
    expect(stderr).to.match(/faq\.txt: 1 faulty record\n {2}line 2, byte 23: expected question \| answer/);
    expect(status).to.equal(2);
  });
});
