import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { type ConfigOverrides, loadConfig, makeConfig, type RunConfig } from '../../../core/config/load.js';
import { expectError } from '../../support/errors.js';
import { TemporaryFolder } from '../../support/files.js';

const MINIMAL = 'model:\n  path: ./model\ndata:\n  sources: [alpaca]\n';

describe('loadConfig', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  async function load(text: string, overrides?: ConfigOverrides, name = 'run.yaml'): Promise<RunConfig> {
    return (await loadConfig(folder.write(name, text), overrides)).config;
  }

  /** The faults of a configuration; places are given as `:line:col`. */
  async function faultsOf(text: string, overrides?: ConfigOverrides): Promise<string[]> {
    const error = await expectError(() => load(text, overrides), 'CONFIG_INVALID', 'configs/README.md');
    return error.message.split('\n').map((fault) => fault.replace(folder.join('run.yaml'), ''));
  }

  describe('faults', () => {
    it('names the nearest known key, with file, line and column', async () => {
      const faults = await faultsOf(`${MINIMAL}train:\n  epochs: 2\n  learning_rate: 1\nadaptr: lora\n`);
      expect(faults).to.deep.equal([
        ':7:3: unknown key "train.learning_rate" (did you mean "learningRate"?)',
        ':8:1: unknown key "adaptr" (did you mean "adapter"?)',
      ]);
    });

    it('names all wrong types at once', async () => {
      const faults = await faultsOf(
        'model:\n  path: 5\ndata:\n  sources: alpaca\n  shuffle: maybe\ntrain:\n  epochs: two\n  seed: 1.5\n',
      );
      expect(faults).to.deep.equal([
        ':2:3: model.path: expected text, but got 5',
        ':4:3: data.sources: expected a list, as [ … ], but got "alpaca"',
        ':5:3: data.shuffle: expected true or false, but got "maybe"',
        ':7:3: train.epochs: expected number, but got "two"',
        ':8:3: train.seed: expected a whole number, but got 1.5',
      ]);
    });

    it('says what may stand where a plugin is named', async () => {
      const told = 'expected a name, or { name, options }, but got';
      expect(
        await faultsOf(`${MINIMAL}plugins: [{ path: a.ts }]\nquantizer: 8\ndevice: [native]\n`),
      ).to.deep.equal([
        ':5:11: plugins.0: expected the path or name of a plugin, or [name, { options }], but got {"path":"a.ts"}',
        `:6:1: quantizer: ${told} 8`,
        `:7:1: device: ${told} ["native"]`,
      ]);
    });

    it('names what is missing, with the nearest place that there is', async () => {
      expect(await faultsOf('model: {}\n')).to.have.members([
        ':1:1: model.path: required, but missing',
        ': data: required, but missing',
      ]);
    });

    it('names the item of a list', async () => {
      const text =
        'model: { path: m }\ndata:\n  sources:\n    - alpaca\n    - limit: 5\n      formt: alpaca\n';
      expect(await faultsOf(text)).to.deep.equal([
        ':5:7: data.sources.1.path: expected one of path, hub, datasetInfo, which say where the data is',
        ':6:7: unknown key "data.sources.1.formt" (did you mean "format"?)',
      ]);
    });

    it('has the learning rate end where it has been', async () => {
      const text = `${MINIMAL}train:\n  learningRate: 1e-3\n  minLearningRate: 0.01\n`;
      expect(await faultsOf(text)).to.deep.equal([
        ':7:3: train.minLearningRate: expected at most learningRate, 0.001, but got 0.01',
      ]);
      expect((await load(text, { set: ['train.minLearningRate=0.001'] })).train.minLearningRate).to.equal(
        1e-3,
      );
    });

    it('tells plugins where their options stand', async () => {
      const { locate } = await loadConfig(
        folder.write('run.yaml', `${MINIMAL}adapter:\n  method: lora\n  r: 8\n`),
        { set: ['adapter.alpha=1'] },
      );
      expect(locate(['adapter', 'r'])).to.equal(`${folder.join('run.yaml')}:7:3`);
      expect(locate(['adapter', 'alpha'])).to.equal('--set adapter.alpha');
      expect(locate(['adapter', 'absent'])).to.equal(`${folder.join('run.yaml')}:5:1`);
    });
  });

  describe('--set', () => {
    it('overrides and adds: nested keys, numbers, lists, sections', async () => {
      const set = [
        'train.learningRate=1e-4',
        'train.maxSteps=7',
        'data.sources=[belle, {path: x.json, format: cot}]',
        'data.shuffle=false',
        'adapter.method=other',
        'adapter.layers.first=3',
      ];
      const config = await load(`${MINIMAL}train:\n  learningRate: 5\n  epochs: 2\n`, { set });
      expect(config.train).to.include({ learningRate: 1e-4, maxSteps: 7, epochs: 2 });
      expect(config.data.sources).to.deep.equal(['belle', { path: path.resolve('x.json'), format: 'cot' }]);
      expect(config.data.shuffle).to.equal(false);
      expect(config.adapter).to.deep.equal({ method: 'other', layers: { first: 3 } });
    });

    it('replaces an item of a list, and lets the last assignment count', async () => {
      const set = ['data.sources=[belle, cot]', 'data.sources.0=alpaca', 'train.seed=1', 'train.seed=2'];
      const config = await load(MINIMAL, { set });
      expect(config.data.sources).to.deep.equal(['alpaca', 'cot']);
      expect(config.train.seed).to.equal(2);
    });

    it('keeps the name of a section that was written short', async () => {
      const config = await load(`${MINIMAL}quantizer: int8\n`, { set: ['quantizer.threshold=6'] });
      expect(config.quantizer).to.deep.equal({ name: 'int8', threshold: 6 });
    });

    it('takes what stands after the first = as the value', async () => {
      const config = await load(MINIMAL, { set: ['adapter.text=a=b'] });
      expect(config.adapter).to.deep.equal({ method: 'lora', text: 'a=b' });
    });

    it('is named as the place of its faults', async () => {
      const set = ['train.epochs=two', 'epochs=2', 'train.spe=1', 'data={sources: 3}', 'train.logEvery='];
      expect(await faultsOf(MINIMAL, { set })).to.have.members([
        '--set train.epochs: expected number, but got "two"',
        '--set epochs: unknown key "epochs" (did you mean "train.epochs"?)',
        '--set train.spe: unknown key "train.spe" (did you mean "seed"?)',
        '--set data: data.sources: expected a list, as [ … ], but got 3',
        '--set train.logEvery: expected number, but got null',
      ]);
    });

    for (const bad of ['train.epochs', '=2', '', 'train..epochs=2', '.epochs=2', 'train.=2']) {
      it(`refuses "${bad}"`, async () => {
        await expectError(
          () => load(MINIMAL, { set: [bad] }),
          'COMMAND_LINE',
          `--set ${bad}`,
          'key.key=value',
        );
      });
    }

    it('refuses a value that is no YAML', async () => {
      const run = () => load(MINIMAL, { set: ['data.sources=[alpaca'] });
      await expectError(run, 'COMMAND_LINE', '--set data.sources=[alpaca', 'no YAML');
    });

    it('refuses to name an item of a list by a word', async () => {
      const run = () => load(MINIMAL, { set: ['data.sources.first=cot'] });
      await expectError(run, 'COMMAND_LINE', 'data.sources is a list', '"first"');
    });

    it('does not reach into the prototypes of objects', async () => {
      try {
        await expectError(() => load(MINIMAL, { set: ['__proto__.reached=1'] }), 'COMMAND_LINE', '__proto__');
        expect({}).not.to.have.property('reached');
      } finally {
        // Should this test ever fail, let no other fail with it.
        Reflect.deleteProperty(Object.prototype, 'reached');
      }
    });
  });

  describe('paths', () => {
    it('count from the folder of the file', async () => {
      const text = `model:
  path: ../models/m
data:
  sources: [alpaca, { path: mine.json, format: alpaca }]
adapter: { method: lora, init: ./start }
plugins: [./a.ts, [../b.js, { x: 1 }], /abs/c.js, npm-package, '@scope/name']
output: ../out
`;
      const config = await load(text, {}, 'configs/run.yaml');
      expect(config.model.path).to.equal(folder.join('models', 'm'));
      expect(config.data.sources[1]).to.include({ path: folder.join('configs', 'mine.json') });
      expect(config.adapter.init).to.equal(folder.join('configs', 'start'));
      expect(config.plugins).to.deep.equal([
        [folder.join('configs', 'a.ts')],
        [folder.join('b.js'), { x: 1 }],
        ['/abs/c.js'],
        ['npm-package'],
        ['@scope/name'],
      ]);
      expect(config.output).to.equal(folder.join('out'));
    });

    it('of --set count from the working folder, as at the terminal', async () => {
      const set = [
        'model.path=./m',
        'adapter.init=./a',
        'data.sources=[{ path: x.json, format: alpaca }]',
        'plugins=[./p.ts]',
        'output=out',
      ];
      const { model, adapter, data, plugins, output } = await load(MINIMAL, { set }, 'configs/run.yaml');
      expect(model.path).to.equal(path.resolve('m'));
      expect(adapter.init).to.equal(path.resolve('a'));
      expect(data.sources[0]).to.include({ path: path.resolve('x.json') });
      expect(plugins).to.deep.equal([[path.resolve('p.ts')]]);
      expect(output).to.equal(path.resolve('out'));
      const text = MINIMAL.replace('alpaca', '{ path: x.json, format: alpaca }');
      const other = await load(
        text,
        { set: ['data.sources.0.format=belle', 'model.init=random'] },
        'c/run.yaml',
      );
      expect(other.data.sources[0]).to.include({ path: folder.join('c', 'x.json'), format: 'belle' });
      expect(other.model.path).to.equal(folder.join('c', 'model'));
    });

    it('may begin with the home folder, written in any way', async () => {
      const home = (...names: string[]) => path.join(homedir(), ...names);
      const text = `model: { path: ~/m }
data: { sources: [{ path: $HOME/x.json, format: alpaca }] }
adapter: { init: "\${HOME}/a" }
plugins: [~/p.ts]
output: $HOME/out
`;
      const { model, adapter, data, plugins, output } = await load(text);
      expect([model.path, adapter.init, output]).to.deep.equal([home('m'), home('a'), home('out')]);
      expect(data.sources[0]).to.include({ path: home('x.json') });
      expect(plugins).to.deep.equal([[home('p.ts')]]);
      expect((await load(MINIMAL, { output: '~/mine' })).output).to.equal(home('mine'));
    });

    it('the default output and that of the command line count from the working folder', async () => {
      expect((await load(MINIMAL, {}, 'my.run.yaml')).output).to.equal(path.resolve('runs', 'my.run'));
      const config = await load(`${MINIMAL}output: elsewhere\n`, { output: 'mine' });
      expect(config.output).to.equal(path.resolve('mine'));
    });

    it('a hub id is kept, unless such a folder is there', async () => {
      const text = MINIMAL.replace('./model', 'huggyllama/llama-7b');
      expect((await load(text)).model.path).to.equal('huggyllama/llama-7b');
      mkdirSync(folder.join('huggyllama', 'llama-7b'), { recursive: true });
      expect((await load(text)).model.path).to.equal(folder.join('huggyllama', 'llama-7b'));
    });
  });

  it('takes with --set what replaces a key of the file, unless both are set', async () => {
    const text = `${MINIMAL}train: { warmupSteps: 10, optimizer: { name: sgd, momentum: 0.9 } }\n`;
    const set = ['train.warmupRatio=0.1', 'train.optimizer.beta1=0.8', 'train.optimizer.name=lion'];
    const { train } = await load(text, { set });
    expect(train).to.include({ warmupRatio: 0.1 }).and.to.not.have.property('warmupSteps');
    expect(train.optimizer).to.deep.equal({ name: 'lion', beta1: 0.8 });
    const same = await load(text, { set: ['train.optimizer.name=sgd'] });
    expect(same.train.optimizer).to.deep.equal({ name: 'sgd', momentum: 0.9 });
    const both = await faultsOf(text, { set: ['train.warmupRatio=0.1', 'train.warmupSteps=3'] });
    expect(both.join()).to.include('but not both');
  });

  it('takes the device of the command line, without the options of the other', async () => {
    const text = `${MINIMAL}device: { name: tensorflow, x: 1 }\n`;
    expect((await load(text)).device).to.deep.equal({ name: 'tensorflow', x: 1 });
    expect((await load(text, { device: 'portable' })).device).to.deep.equal({ name: 'portable' });
  });

  it('freezes the result, all of it', async () => {
    const config = await load(
      `${MINIMAL}adapter: { method: lora, targets: [q] }\nplugins: [[p, { x: 1 }]]\n`,
    );
    const frozen = (value: unknown): boolean =>
      typeof value !== 'object' ||
      value === null ||
      (Object.isFrozen(value) && Object.values(value).every(frozen));
    expect(frozen(config)).to.equal(true);
  });

  describe('$import', () => {
    const BASE = `${MINIMAL.replace('[alpaca]', '[alpaca, belle]')}train:\n  epochs: 5\n  seed: 3\n`;

    it('takes a base file, of which own keys take precedence and replace lists', async () => {
      folder.write('base.yaml', BASE);
      const config = await load('$import: ./base.yaml\ndata:\n  sources: [cot]\ntrain:\n  epochs: 2\n');
      expect(config.model.path).to.equal(folder.join('model'));
      expect(config.data.sources).to.deep.equal(['cot']);
      expect(config.train).to.include({ epochs: 2, seed: 3 });
      expect(config).not.to.have.property('$import');
    });

    for (const [what, base, own, expected] of [
      ['warmupRatio', 'warmupSteps: 10', 'warmupRatio: 0.1', { warmupRatio: 0.1 }],
      ['warmupSteps', 'warmupRatio: 0.1', 'warmupSteps: 10', { warmupSteps: 10 }],
      [
        'another optimizer',
        'optimizer: { name: sgd, momentum: 0.9 }',
        'optimizer: { name: lion, beta1: 0.8 }',
        { optimizer: { name: 'lion', beta1: 0.8 } },
      ],
      [
        'an option of the same optimizer',
        'optimizer: { name: sgd, momentum: 0.9, nesterov: true }',
        'optimizer: { name: sgd, momentum: 0.5 }',
        { optimizer: { name: 'sgd', momentum: 0.5, nesterov: true } },
      ],
      [
        'an option without the name',
        'optimizer: { name: sgd, momentum: 0.9, nesterov: true }',
        'optimizer: { momentum: 0.5 }',
        { optimizer: { name: 'sgd', momentum: 0.5, nesterov: true } },
      ],
    ] as const) {
      it(`takes ${what} in the place of what the base file says, at any depth`, async () => {
        folder.write('base.yaml', `${MINIMAL}train: { ${base}, seed: 3 }\n`);
        folder.write('middle.yaml', '$import: ./base.yaml\n');
        const { train } = await load(`$import: ./middle.yaml\ntrain: { ${own} }\n`);
        const given = {
          warmupSteps: train.warmupSteps,
          warmupRatio: train.warmupRatio,
          optimizer: train.optimizer,
        };
        const none = { warmupSteps: undefined, warmupRatio: undefined, optimizer: { name: 'adamw' } };
        expect(given).to.deep.equal({ ...none, ...expected });
        expect(train.seed).to.equal(3);
      });
    }

    it('takes another adapter without the options of the first, whose name is the default', async () => {
      folder.write('base.yaml', `${MINIMAL}adapter: { r: 8 }\n`);
      expect((await load('$import: ./base.yaml\nadapter: { method: full }\n')).adapter).to.deep.equal({
        method: 'full',
      });
      expect((await load('$import: ./base.yaml\nadapter: { method: lora }\n')).adapter).to.deep.equal({
        method: 'lora',
        r: 8,
      });
    });

    it('refuses both keys of the warm-up in one file', async () => {
      folder.write('base.yaml', MINIMAL);
      const faults = await faultsOf('$import: ./base.yaml\ntrain: { warmupSteps: 3, warmupRatio: 0.1 }\n');
      expect(faults.join()).to.include('expected warmupSteps or warmupRatio, but not both');
    });

    it('finds the place of faults in either file', async () => {
      folder.write('base.yaml', `${BASE}  epoch: 1\n`);
      const faults = await faultsOf('$import: ./base.yaml\ntrain:\n  epochs: no\n');
      expect(faults).to.have.members([
        ':3:3: train.epochs: expected number, but got "no"',
        `${folder.join('base.yaml')}:8:3: unknown key "train.epoch" (did you mean "epochs"?)`,
      ]);
    });

    it('names a base file that is not there', async () => {
      const run = () => load(`$import: ./absent.yaml\n${MINIMAL}`);
      await expectError(run, 'CONFIG_FILE', folder.join('absent.yaml'), 'there is no such file');
    });
  });
});

describe('makeConfig', () => {
  it('completes and freezes values made in code; paths count from the working folder', () => {
    const config = makeConfig({ model: { path: './m' }, data: { sources: ['none'] } });
    expect(config.model).to.deep.equal({ path: path.resolve('m'), backbone: 'auto', init: 'checkpoint' });
    expect(Object.isFrozen(config.model)).to.equal(true);
  });

  it('refuses what the schema refuses', async () => {
    await expectError(() => makeConfig({ model: { path: 'm' } }), 'CONFIG_INVALID', 'data: required');
  });
});
