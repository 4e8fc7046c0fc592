import { cpSync, mkdirSync } from 'node:fs';
import { expect } from 'chai';
import type { EvolveError } from '../../../core/base/errors.js';
import { unlock } from '../../../core/base/lock.js';
import { configOf, unfinishedNotice } from '../../../core/commands/model-choice.js';
import { lock } from '../../../core/run/lock.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { evolveShared } from '../../support/shared-cli.js';

describe('the model of a run', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
    const config = {
      model: { path: 'base', backbone: 'llama', init: 'random' },
      quantizer: 'int8',
      data: { sources: ['none'], template: { name: 'plain' } },
      train: { seed: 7 },
    };
    folder.write('config.yaml', JSON.stringify(config));
  });
  afterEach(() => folder.remove());

  it('is its base, drawn from the same seed, with its adapter', async () => {
    mkdirSync(folder.join('adapter'));
    const config = await configOf({ run: folder.path });
    expect(config.adapter).to.not.equal(undefined);
    expect(config.model).to.deep.equal({ path: folder.join('base'), backbone: 'llama', init: 'random' });
    expect(config.train.seed).to.equal(7);
    expect(config.adapter?.init).to.equal(folder.join('adapter'));
    expect(config.quantizer.name).to.equal('int8');
    expect(config.data.template).to.deep.equal({ name: 'plain' });
    const unquantized = await configOf({ run: folder.path }, { unquantized: true });
    expect(unquantized.quantizer.name).to.equal('none');
  });

  it('is the whole model that it left, of the same backbone', async () => {
    mkdirSync(folder.join('model'));
    const config = await configOf({ run: folder.path });
    expect(config.adapter).to.equal(undefined);
    const whole = { path: folder.join('model'), backbone: 'llama', init: 'checkpoint' };
    expect(config.model).to.deep.equal(whole);
    expect(config.train.seed).to.equal(7);
    expect(config.data.template).to.deep.equal({ name: 'plain' });
  });

  it('is asked as in training; a base model in the words of Alpaca', async () => {
    const config = await configOf({ model: 'base' });
    expect(config.data.template).to.deep.equal({ name: 'alpaca' });
  });

  it('is none where nothing was saved; the advice fits what is there', async () => {
    const refused = (text: string) =>
      expectError(
        () => configOf({ run: folder.path }),
        'MODEL_UNKNOWN',
        folder.path,
        'adapter/',
        'model/',
        text,
      );
    await refused('It was killed before it saved.');
    await lock(folder.path);
    await refused(`It goes on still (process ${process.pid}), and has not saved yet.`);
    await unlock(folder.path);
    folder.write('run.json', '{}');
    await refused('Its run.json says how it ended');
  });

  it('is that of the last save where the run was killed or goes on, which is told', async () => {
    const told = () => unfinishedNotice({ run: folder.path });
    expect(told()).to.equal(`the run ${folder.path} was killed before its end; what it saved last is taken`);
    await lock(folder.path);
    expect(told()).to.include(`goes on still (process ${process.pid})`);
    await unlock(folder.path);
    folder.write('run.json', '{}');
    expect(told()).to.equal(undefined);
  });

  it('is told with the place that names it, where it is not there', async () => {
    const told = async (...args: string[]) => {
      const { stderr, status } = await evolveShared(['generate', ...args, '--instruction', 'Hi']);
      expect(status).to.equal(2);
      return stderr;
    };
    mkdirSync(folder.join('adapter'));
    const [none, config] = [folder.join('none'), folder.join('config.yaml')];
    expect(await told('--model', none)).to.include(`evolve: --model: there is no file or folder ${none}\n`);
    expect(await told('--run', folder.path)).to.include(
      `evolve: ${config}: adapter.init: there is no adapter_config`,
    );
    expect(await told('--model', fixture('llama'), '--template', 'plane')).to.include(
      'evolve: --template: unknown',
    );
    folder.write(
      'adapter/adapter_config.json',
      '{ "peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"], "use_dora": true }',
    );
    const merge = ['merge', '--model', fixture('llama'), '--adapter', folder.join('adapter')];
    expect((await evolveShared([...merge, '--output', folder.join('m')])).stderr).to.match(
      /^evolve: --adapter: .*describes/,
    );
  });

  it('is none of a folder that is no run', async () => {
    mkdirSync(folder.join('other'));
    const refused = (name: string, text: string) =>
      expectError(
        () => configOf({ run: folder.join(name) }),
        'MODEL_UNKNOWN',
        `--run ${folder.join(name)}`,
        text,
      );
    await refused('other', 'holds no config.yaml');
    await refused('absent', 'is not there');
    mkdirSync(folder.join('adapter'));
    await refused('adapter', 'it is no run');
    const { advice } = (await configOf({ run: folder.join('adapter') }).catch(
      (error: EvolveError) => error,
    )) as EvolveError;
    expect(advice).to.equal(`Name the output folder of a run, ${folder.path}.`);
  });
});

describe('the template of evolve generate --model', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  const prompt = ['--instruction', 'Name a fruit.', '--max-new-tokens', '3', '--device', 'portable'];
  const generate = (...args: string[]) =>
    evolveShared(['generate', '--model', fixture('llama'), ...prompt, ...args], { cwd: folder.path });

  it('is the one that --template names, a third party’s too; another answer shows it', async () => {
    const alpaca = await generate();
    const vicuna = fixture('plugins', 'vicuna.ts');
    const others = [
      await generate('--template', 'plain'),
      await generate('--template', '{name: vicuna}', '--plugin', vicuna),
    ];
    for (const { status, stdout, stderr } of others) {
      expect(status, stderr).to.equal(0);
      expect(stdout).to.not.equal(alpaca.stdout);
    }
    const config = await configOf({ model: 'base', template: 'vicuna', plugin: [`[${vicuna}, {x: 1}]`] });
    expect(config.plugins).to.deep.equal([[vicuna, { x: 1 }]]);
  });

  for (const [args, text] of [
    [['--template', 'plian'], '--template: unknown template "plian" (did you mean "plain"?)'],
    [['--template', '{name: plain, x: 3}'], '--template: unknown key "data.template.x"'],
    [['--template', '{'], '--template {: the value is no YAML'],
  ] as const) {
    it(`is refused where it is ${args[1]}`, async () => {
      const { status, stderr } = await generate(...args);
      expect(stderr).to.include(text);
      expect(status).to.equal(2);
    });
  }

  it('goes with --model alone', async () => {
    for (const given of [{ template: 'plain' }, { plugin: ['./x.ts'] }]) {
      const text = `--${Object.keys(given)[0]} goes with --model, but --run was given`;
      await expectError(() => configOf({ run: folder.path, ...given }), 'COMMAND_LINE', text);
    }
  });

  it('is told where the adapter’s run has another', async () => {
    const config = { model: { path: 'base' }, data: { sources: ['none'], template: { name: 'plain' } } };
    folder.write('mine/config.yaml', JSON.stringify(config));
    cpSync(fixture('peft-adapter'), folder.join('mine', 'adapter'), { recursive: true });
    const adapter = ['--adapter', 'mine/adapter'];
    const told = await generate(...adapter);
    expect(told.status, told.stderr).to.equal(0);
    expect(told.stderr).to.include(
      'the adapter was trained with the template "plain", as mine/config.yaml says, but prompts are worded by "alpaca". ' +
        'Give --run mine, or --template',
    );
    const given = await generate(...adapter, '--template', 'plain');
    expect(given.status, given.stderr).to.equal(0);
    expect(given.stderr).to.not.include('template');
    expect(given.stdout).to.not.equal(told.stdout);
  });
});
