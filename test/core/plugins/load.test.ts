import { expect } from 'chai';
import { loadConfig, makeConfig } from '../../../core/config/load.js';
import { unusedNotice } from '../../../core/plugins/listed.js';
import { builtInPlugins, loadPlugins, unusedPlugins } from '../../../core/plugins/load.js';
import { API_VERSION, definePlugin, FAMILIES, type Plugin } from '../../../core/plugins/plugin.js';
import { compose } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { TemporaryFolder } from '../../support/files.js';

const QUANTIZER = `import { definePlugin, z } from 'evolving-alpaca';
  export default definePlugin({
    name: 'mine',
    apiVersion: 2,
    family: 'quantizers',
    schema: z.strictObject({ bits: z.number().default(3) }),
    apply() {},
  });`;

describe('loadPlugins', () => {
  let folder: TemporaryFolder;

  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  async function pluginsOf(values: object, trackers: string[] = []): Promise<Plugin[]> {
    const config = makeConfig({ model: { path: '.' }, data: { sources: ['alpaca'] }, ...values });
    return (await loadPlugins(config, String, { trackers })).map(({ plugin }) => plugin);
  }
  const withPlugins = (plugins: string[]) =>
    makeConfig({ model: { path: '.' }, data: { sources: ['alpaca'] }, plugins });
  const namesOf = async (values: object, trackers?: string[]) =>
    (await pluginsOf(values, trackers)).map(({ name }) => name);

  it('takes what is asked always, and of the other families what the configuration names', async () => {
    const names = await namesOf({}, ['metrics']);
    const asked = (await builtInPlugins()).filter(({ family }) => family && FAMILIES[family] === 'asked');
    const chosen = ['none', 'lora', 'alpaca', 'next-token', 'adamw', 'linear', 'single'];
    expect(names).to.have.members([...asked.map(({ name }) => name), ...chosen, 'metrics']);
  });

  it('takes each once, also where plugins: lists it', async () => {
    const values = { plugins: ['metrics', 'portable'], device: 'portable' };
    const plugins = await pluginsOf(values, ['metrics']);
    expect(new Set(plugins).size).to.equal(plugins.length);
  });

  it("takes a third party's quantizer where it is named, with the slot's options, and only there", async () => {
    const plugins = [folder.write('mine.ts', QUANTIZER)];
    expect(await namesOf({ plugins }))
      .to.include('none')
      .and.not.include('mine');
    expect(await namesOf({ plugins, quantizer: 'mine' }))
      .to.include('mine')
      .and.not.include('none');
    const config = makeConfig({
      model: { path: '.' },
      data: { sources: ['alpaca'] },
      plugins,
      quantizer: { name: 'mine', bits: 2 },
    });
    const applied = await loadPlugins(config, String, { trackers: [] });
    expect(applied.find(({ plugin }) => plugin.name === 'mine')?.options).to.deep.equal({ bits: 2 });
    await expectError(
      () => namesOf({ plugins, quantizer: { name: 'mine', bit: 2 } }),
      'PLUGIN_INVALID',
      'quantizer.bit',
    );
  });

  it('takes the template that data.template names, whose faults are told with their place', async () => {
    const templatesOf = async (template?: unknown) => {
      const plugins = await pluginsOf({ data: { sources: ['alpaca'], template } });
      return plugins.flatMap(({ family, name }) => (family === 'templates' ? [name] : []));
    };
    expect(await templatesOf()).to.deep.equal(['alpaca']);
    expect(await templatesOf('plain')).to.deep.equal(['plain']);
    await expectError(
      () => templatesOf('plane'),
      'PLUGIN_INVALID',
      'data,template,name: unknown template "plane"',
    );
    await expectError(
      () => templatesOf({ name: 'plain', words: 1 }),
      'PLUGIN_INVALID',
      'unknown key "data.template.words": the plugin "plain" takes no options',
    );
  });

  it('refuses options under plugins: of a plugin that a key names, and says where they belong', async () => {
    const refused = (values: object, text: string) =>
      expectError(() => namesOf(values), 'PLUGIN_INVALID', text);
    const mine = folder.write('mine.ts', QUANTIZER);
    const told = (right: string) =>
      `plugins,0,1: options of the quantizer "mine" do not belong here; write ${right}`;
    const plugins = [[mine, { bits: 2 }]];
    await refused({ plugins }, told('quantizer: { name: "mine", bits: 2 }'));
    await refused({ plugins, quantizer: 'mine' }, told('quantizer: { name: "mine", bits: 2 }'));
    await refused(
      { plugins: [[mine, { bit: 2 }]], quantizer: { name: 'mine', bits: 3 } },
      'bits: 3, bit: 2 }',
    );
    await refused(
      { plugins: [['exact-match', { limit: 1 }]] },
      'metrics: [{ name: "exact-match", limit: 1 }]',
    );
    await refused({ plugins: [['full', { dtype: 'f16' }]] }, 'adapter: { method: "full", dtype: "f16" }');
    const portable = ['portable', { backend: 'cpu' }];
    await refused(
      { plugins: [portable], device: 'portable' },
      'device: { name: "portable", backend: "cpu" }',
    );
    expect(await namesOf({ plugins: [portable] })).to.include('portable');
  });

  it('finds the plugins that are listed and not used, with the key that would use them', async () => {
    const unused = async (values: object) => {
      const config = makeConfig({ model: { path: '.' }, data: { sources: ['alpaca'] }, ...values });
      const applied = await loadPlugins(config, String, { trackers: [] });
      return (await unusedPlugins(config, String, folder.path, applied)).map(unusedNotice);
    };
    const plugins = [folder.write('mine.ts', QUANTIZER), 'lion', 'portable'];
    const told = (what: string, right: string) =>
      `plugins: lists the ${what}, but no key names it, so it is not used; ${right} would use it`;
    const lion = told('optimizer "lion"', 'train.optimizer: { name: "lion" }');
    expect(await unused({ plugins })).to.deep.equal([
      told('quantizer "mine"', 'quantizer: { name: "mine" }'),
      lion,
    ]);
    expect(await unused({ plugins, quantizer: 'mine' })).to.deep.equal([lion]);
  });

  it('refuses a plugin that is listed or named twice', async () => {
    const mine = folder.write('mine.ts', QUANTIZER);
    const refused = (values: object, text: string) =>
      expectError(() => namesOf(values), 'PLUGIN_INVALID', text);
    await refused({ plugins: [mine, mine] }, 'plugins,1: the plugin "mine" is listed twice');
    await refused({ plugins: ['lion', 'lion'] }, 'plugins,1: the plugin "lion" is listed twice');
    const metrics = ['exact-match', { name: 'exact-match', limit: 3 }];
    await refused({ metrics }, 'metrics,1,name: the metric "exact-match" is named twice; name it once');
  });

  const METRIC = `export default { name: 'my-metric', apiVersion: 2, family: 'metrics', apply() {} };`;
  const plugin = (text: string) => `export default { name: 'x', apiVersion: 2, apply() {}, ${text} };`;

  it('refuses a second plugin of one name in one family, a built-in one too', async () => {
    const plugins = [folder.write('a.ts', plugin('')), folder.write('b.ts', plugin(''))];
    await expectError(
      () => namesOf({ plugins }),
      'PLUGIN_INVALID',
      'plugins,1: there is a plugin "x" of no family',
    );
    const twice = [
      folder.write('c.ts', plugin(`family: 'metrics'`)),
      folder.write('d.ts', plugin(`family: 'trackers'`)),
    ];
    expect(await namesOf({ plugins: twice })).to.include('x');
    const int8 = [folder.write('e.ts', QUANTIZER.replace('mine', 'int8'))];
    await expectError(
      () => namesOf({ plugins: int8 }),
      'PLUGIN_INVALID',
      'there is a quantizer "int8" already',
    );
  });

  it('applies what `metrics` names first, in its order, so that taps of a third party find what it measured', async () => {
    const plugins = [folder.write('a.ts', plugin('')), folder.write('b.ts', METRIC)];
    const names = await namesOf({ plugins, metrics: ['perplexity', 'my-metric', 'exact-match'] });
    expect(names.slice(0, 4)).to.deep.equal(['perplexity', 'my-metric', 'exact-match', 'x']);
  });

  it('refuses a schema that lets unknown keys pass, or that is none', async () => {
    const refused = async (schema: string, text: string) => {
      const code = `import { z } from 'evolving-alpaca'; ${plugin(`schema: ${schema}`)}`;
      const plugins = [folder.write(`${text.length}.ts`, code)];
      await expectError(() => namesOf({ plugins }), 'PLUGIN_INVALID', text);
    };
    await refused('z.object({ a: z.string().optional() })', 'the plugin "x" lets unknown keys pass');
    await refused('{ a: 1 }', 'is no zod schema');
  });

  it('takes JavaScript as what its syntax says, whatever package.json says or leaves out', async () => {
    const module =
      'import { z } from "evolving-alpaca";\nexport default { name: "mine", apiVersion: 2, schema: z.strictObject({}), apply() {} };';
    const common = 'module.exports = { name: "mine", apiVersion: 2, apply() {} };';
    for (const [i, type] of ['', '{}', '{ "type": "commonjs" }'].entries()) {
      if (type) folder.write(`${i}/package.json`, type);
      for (const [name, code] of [
        ['module.js', module],
        ['module.ts', module],
        ['module.tsx', module],
        ['common.js', common],
      ])
        expect(
          await namesOf({ plugins: [folder.write(`${i}/${name}`, code)] }),
          `${type} ${name}`,
        ).to.include('mine');
    }
  });

  it('says of a path that nothing is there, or no plugin; and of a file without ./ how to name it', async () => {
    const refused = (name: string, text: string, advice: string) =>
      expectError(
        () => loadPlugins(withPlugins([name]), String, { trackers: [], folder: folder.path }),
        'PLUGIN_UNKNOWN',
        text,
        advice,
      );
    folder.write('mine.ts', QUANTIZER);
    await refused(folder.join('none.ts'), 'there is no file or folder', 'Check the path');
    await refused(folder.path, 'is no plugin', 'index.ts');
    await refused('mine.ts', 'unknown plugin "mine.ts"', 'Others go by path (./mine.ts)');
  });

  it('says what to do about a plugin that cannot be loaded, and what stands in the place of one', async () => {
    const refused = async (name: string, code: string, message: string, advice: string) => {
      const plugins = [folder.write(name, code)];
      await expectError(() => namesOf({ plugins }), 'PLUGIN_INVALID', message, advice);
    };
    await refused(
      'a.ts',
      'import x from "not-there"; export default x;',
      "'not-there'",
      'npm install not-there',
    );
    await refused('b.ts', 'import x from "./nowhere.js"; export default x;', 'nowhere.js', 'Check the path');
    await refused('c.py', 'print(1)', 'extension ".py"', 'A plugin is a .ts,');
    await refused(
      'd.ts',
      'export const plugin = {}, other = 1;',
      'no default export, only other, plugin',
      'definePlugin(',
    );
    await refused(
      'e.ts',
      'export default () => {};',
      'by default a function, and no plugin',
      'definePlugin(',
    );
    const family = 'export default { name: "x", apiVersion: 2, family: "optimiser", apply() {} };';
    await refused('f.ts', family, 'family "optimiser" (did you mean "optimizers"?)', 'The families are');
  });

  it('refuses a plugin that does not say its API version, or not as a number', async () => {
    const refused = async (code: string, message: string, advice: string) => {
      const plugins = [folder.write(`version-${code.length}.mjs`, code)];
      await expectError(() => namesOf({ plugins }), 'PLUGIN_INVALID', message, advice);
    };
    await refused(
      'export default { name: "x", apiVersion: "2", apply() {} };',
      'apiVersion must be a number, but is "2"',
      'without quotes: apiVersion: 2',
    );
    await refused(
      'export default { name: "x", apply() {} };',
      'the plugin does not say its API version',
      'Add apiVersion: 2 to it',
    );
  });

  it('refuses a plugin that imports what this API version does not have, and says what changed since version 1', async () => {
    const imports = [
      ['import { shown } from "evolving-alpaca"; shown("x");', '"shown" of evolving-alpaca'],
      [
        'import { KeyValueCache } from "evolving-alpaca"; new KeyValueCache();',
        '"KeyValueCache" of evolving-alpaca',
      ],
      ['import { none } from "evolving-alpaca/backbones"; none();', '"none" of evolving-alpaca/backbones'],
      ['import { none } from "evolving-alpaca/metrics"; none();', 'evolving-alpaca/metrics'],
    ];
    for (const [i, [code, missing]] of imports.entries()) {
      const plugin = 'export default { name: "x", apiVersion: 1, apply() {} };';
      const plugins = [folder.write(`gone-${i}.ts`, `${code} ${plugin}`)];
      const message = `gone-${i}.ts imports ${missing}, which is not in API version 2`;
      const advice = 'Was the plugin written for API version 1? Set apiVersion: 2, and change';
      await expectError(() => namesOf({ plugins }), 'PLUGIN_INVALID', message, advice);
    }
    const slip =
      'import { definePlugins } from "evolving-alpaca"; export default definePlugins({ apiVersion: 2 });';
    const plugins = [folder.write('slip.mjs', slip)];
    const { advice } = await expectError(
      () => namesOf({ plugins }),
      'PLUGIN_INVALID',
      'did you mean "definePlugin"?',
    );
    expect(advice).to.equal('plugins/README.md tells what there is.');
    const kit = [
      folder.write('kit.mjs', 'import "evolving-alpaca/optimisers"; export default { apiVersion: 2 };'),
    ];
    await expectError(
      () => namesOf({ plugins: kit }),
      'PLUGIN_INVALID',
      'did you mean "evolving-alpaca/optimizers"?',
    );
    const others = [folder.write('others.mjs', 'import { none } from "node:path"; export default none;')];
    await expectError(() => namesOf({ plugins: others }), 'PLUGIN_INVALID', 'cannot be loaded');
  });

  it('looks packages up from the folder of the configuration; CommonJS with exports.default is taken', async () => {
    folder.write(
      'node_modules/evolve-plugin-near/package.json',
      '{ "name": "evolve-plugin-near", "main": "main.js" }',
    );
    folder.write(
      'node_modules/evolve-plugin-near/main.js',
      `Object.defineProperty(exports, '__esModule', { value: true });
       exports.default = { name: 'near', apiVersion: 2, apply() {} };`,
    );
    folder.write(
      'my.yaml',
      'model: { path: . }\ndata: { sources: [alpaca] }\nplugins: [evolve-plugin-near]\n',
    );
    const loaded = await loadConfig(folder.join('my.yaml'));
    const near = await loadPlugins(loaded.config, loaded.locate, { trackers: [], folder: loaded.folder });
    expect(near.map((each) => each.plugin.name)).to.include('near');
    await expectError(
      () => loadPlugins(loaded.config, loaded.locate, { trackers: [] }),
      'PLUGIN_UNKNOWN',
      'evolve-plugin-near',
    );
  });

  it('refuses a tap before a plugin that there is not, and takes one before a plugin that another command has', async () => {
    const tapBefore = (name: string) =>
      definePlugin({
        name: 'x',
        apiVersion: 2,
        apply(trainer) {
          trainer.hooks.log.tap(() => {}, { before: name });
        },
      });
    await compose({}, { further: [tapBefore('progress')] });
    await expectError(
      () => compose({}, { further: [tapBefore('progres')] }),
      'PLUGIN_INVALID',
      'plugin "x" taps the hook "log" before "progres", a plugin that there is not (did you mean "progress"?)',
    );
  });

  it('refuses options for device: auto', () =>
    expectError(
      () => namesOf({ device: { name: 'auto', backend: 'cpu' } }),
      'PLUGIN_INVALID',
      '"auto" takes no options',
    ));

  it('finds every built-in plugin in the folder of its family, where its name stands once', async () => {
    const found = (await builtInPlugins()).map(({ name, family }) => `${family}/${name}`);
    expect(new Set(found).size).to.equal(found.length);
    for (const { name, family, apiVersion } of await builtInPlugins()) {
      expect(family, name).to.be.oneOf(Object.keys(FAMILIES));
      expect(apiVersion, name).to.equal(API_VERSION);
    }
  });
});
