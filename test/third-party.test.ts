import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { Random } from '../core/base/random.js';
import { writeSafetensors } from '../plugins/checkpoints/safetensors/write.js';
import { type CliResult, evolve } from './support/cli.js';
import { fixture, ROOT, TemporaryFolder } from './support/files.js';
import { readJson, readSteps } from './support/runs.js';

/** The first block of code in `language` below README.md's section "Write a plugin". */
function readmeBlock(language: string): string {
  const section = readFileSync(path.join(ROOT, 'README.md'), 'utf8').split('## Write a plugin')[1];
  const [, block] = section.split(`\`\`\`${language}\n`);
  return block.split('```')[0];
}

describe("a third party's plugin, the one in README.md, in a folder outside the project", () => {
  let folder: TemporaryFolder;
  let ran: CliResult;

  before(async () => {
    folder = new TemporaryFolder();
    folder.write('my-plugin.ts', readmeBlock('ts'));
    folder.write('my.yaml', readmeBlock('yaml'));
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

  it('is listed by evolve plugins', async () => {
    const { stdout } = await evolve(['plugins', 'my.yaml'], { cwd: folder.path });
    expect(stdout).to.match(/^ {2}my-plugin +loadData, loadEncoder, loadModel {2}\(third party\)$/m);
  });

  it('is answered with by evolve generate', async () => {
    const args = ['generate', '--run', 'runs/my', '--instruction', 'What is 1?', '--max-new-tokens', '3'];
    const { status } = await evolve(args, { cwd: folder.path });
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
      evolve(
        [
          'run',
          'my.yaml',
          '--output',
          'shouted',
          '--set',
          `plugins=[./my-plugin.ts, [evolve-plugin-shout, ${options}]]`,
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
    expect(refused.stderr).to.include('unknown key "plugins.1.1.wrd" (did you mean "word"?)');
  });

  it('is refused where it is not one, each with what to do', async () => {
    const refused = async (code: string, text: string) => {
      folder.write('other.ts', code);
      const args = ['run', 'my.yaml', '--output', 'no', '--set', 'plugins=[./other.ts]'];
      const { status, stderr } = await evolve(args, { cwd: folder.path });
      expect(stderr).to.include(text);
      expect(status).to.equal(2);
    };
    await refused('export const nothing = 1;', 'has no plugin as its default export');
    await refused(
      'export default { name: "x", apiVersion: 2, apply() {} };',
      'written for API version 2, and this is version 1',
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
    const { status, stderr } = await evolve(['run', 'my.yaml', '--output', 'other'], { cwd: folder.path });
    expect(stderr).to.match(/faq\.txt: 1 faulty record\n {2}line 2: expected question \| answer/);
    expect(status).to.equal(2);
  });
});
