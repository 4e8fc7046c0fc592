import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { ERROR_CODES } from '../core/base/errors.js';
import { axolotlKeys } from '../core/config/axolotl-keys.js';
import { makeConfig } from '../core/config/load.js';
import { configSchema } from '../core/config/schema.js';
import { readCatalogue } from '../core/data/catalogue.js';
import { createHooks } from '../core/plugins/hooks.js';
import { builtInPlugins } from '../core/plugins/load.js';
import { FAMILIES, type Plugin } from '../core/plugins/plugin.js';
import { type Slot, slotsOf } from '../core/plugins/plugin-keys.js';
import { execute } from './support/cli.js';
import { ROOT, TemporaryFolder } from './support/files.js';
import { anchorsOf, linksOf, quoted, readPage, shellLines, tableRows } from './support/markdown.js';
import { evolveShared } from './support/shared-cli.js';

const pages = [
  'README.md',
  ...linksOf(readPage('README.md'))
    .map((target) => target.split('#')[0])
    .filter((target) => target.endsWith('README.md')),
].filter((file, i, all) => all.indexOf(file) === i);

const lines = pages.flatMap((file) => shellLines(readPage(file)));

const { scripts, exports } = JSON.parse(readPage('package.json')) as {
  scripts: Record<string, string>;
  exports: Record<string, unknown>;
};

/** `a "b c" d` -> its words. */
function words(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, inQuotes, plain]) => inQuotes ?? plain);
}

/** The folders in a folder, but for what a family shares. */
function foldersOf(...names: string[]): string[] {
  return readdirSync(path.join(ROOT, ...names), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'kit')
    .map((entry) => entry.name);
}

describe('README.md', () => {
  it('begins with the two command lines that .ci/run runs from a clean clone', () => {
    const [first, second] = lines;
    expect(first).to.equal('npm ci && npx evolve run configs/llama-alpaca-belle-cot.yaml');
    expect(second).to.equal('npm test');
    const ci = readPage('.ci/run').split('\n');
    expect(ci.some((line) => line.startsWith(first))).to.equal(true);
    expect(ci.some((line) => line.startsWith(second))).to.equal(true);
  });

  it('is short: under 200 lines', () => {
    expect(readPage('README.md').trimEnd().split('\n').length).to.be.below(200);
  });

  it('names the page of every subject', () => {
    const subjects = ['configs', 'core', 'core/commands', 'data', 'plugins', 'test'];
    expect(pages).to.have.members(['README.md', ...subjects.map((subject) => `${subject}/README.md`)]);
  });
});

describe('the pages', () => {
  const commands = lines.flatMap((line) => line.split(' && '));
  /** Training that takes minutes, on data that other commands make first; test/configs.test.ts looks at it. */
  const isLong = (command: string) => command.startsWith('npx evolve run configs/pretrain/');
  const ofEvolve = commands.filter((command) => command.startsWith('npx evolve ') && !isLong(command));

  it('hold no command of evolve that does not work', async function () {
    this.timeout(300_000);
    const folder = new TemporaryFolder();
    try {
      // Shortened: fewer steps, fewer tokens, and every run into a folder of its own.
      let trained = '';
      expect(ofEvolve.length).to.be.at.least(5);
      for (const [i, line] of ofEvolve.entries()) {
        const [, , ...args] = words(line);
        const inFolder = args.map((arg, at) => {
          if (arg.startsWith('runs/'))
            return folder.join(path.basename(trained), arg.split('/').slice(2).join('/'));
          return args[0] === 'data' && args[at - 1] === '--output' ? folder.join(arg) : arg;
        });
        if (args[0] === 'run') {
          const output = folder.join(`run-${i}`);
          if (!args.includes('--dry-run')) trained = output;
          const at = inFolder.indexOf('--output');
          if (at >= 0) inFolder.splice(at, 2);
          inFolder.push('--set', 'train.maxSteps=3', '--set', 'data.validationSize=4', '--output', output);
        }
        if (args[0] === 'generate') inFolder.push('--max-new-tokens', '3');
        if (args[0] === 'runs' && args.length === 1) inFolder.push(folder.path);
        const { status, stderr } = await evolveShared(inFolder);
        expect(status, `${line}\n${stderr}`).to.equal(0);
      }
    } finally {
      folder.remove();
    }
  });

  it('hold no other command than those of npm, and scripts and files that are there', () => {
    for (const command of commands.filter((candidate) => !ofEvolve.includes(candidate))) {
      const [program, first, second, third] = words(command);
      if (program === 'npm') {
        if (first === 'run') expect(scripts, command).to.have.property(second);
        else expect(['ci', 'test'], command).to.include(first);
        continue;
      }
      const needed = new Map([
        ['python', first],
        ['cp', second],
        ['npx', second === 'run' ? third : second],
      ]).get(program);
      expect(existsSync(path.join(ROOT, needed ?? 'nothing')), command).to.equal(true);
    }
  });

  it('name scripts that package.json has', () => {
    for (const file of pages)
      for (const [, script] of readPage(file).matchAll(/npm run (?:--\w+ )?([\w:-]+)/g))
        expect(scripts, file).to.have.property(script);
  });

  it('link to files and headings that are there', () => {
    for (const file of pages) {
      for (const link of linksOf(readPage(file)).filter((target) => !target.startsWith('https://'))) {
        const [target, anchor] = link.split('#');
        const there = target === '' ? file : path.join(path.dirname(file), target);
        expect(existsSync(path.join(ROOT, there)), `${file}: ${link}`).to.equal(true);
        if (anchor) expect([...anchorsOf(readPage(there))], `${file}: ${link}`).to.include(anchor);
      }
    }
  });

  it('are in the npm package', async function () {
    this.timeout(60_000);
    const { stdout } = await execute('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: ROOT,
    });
    const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
    expect(files.map((entry) => entry.path)).to.include.members(pages);
  });
});

describe('core/commands/README.md', () => {
  const page = readPage('core/commands/README.md');

  it('explains every error code, with its exit status', () => {
    const documented = tableRows(page).flatMap(([code, status]) =>
      /^`[A-Z_]+`$/.test(code) ? [[quoted(code)[0], Number(status)]] : [],
    );
    expect(Object.fromEntries(documented)).to.deep.equal(ERROR_CODES);
  });

  it('names every command, and every option of generate', async () => {
    const flags = (text: string) =>
      new Set([...text.matchAll(/(?<=[\s`([])--[a-z][a-z-]*/g)].map(([flag]) => flag));
    const help = async (...args: string[]) => (await evolveShared([...args, '--help'])).stdout;
    const [, list] = (await help()).split('Commands:\n');
    const names = [...list.matchAll(/^ {2}(\w+)/gm)]
      .map(([, name]) => name)
      .filter((name) => name !== 'help');
    expect(names).to.include('run');
    for (const name of names) expect(page).to.match(new RegExp(`^\\| \`evolve ${name}[ \`]`, 'm'));
    const [, , section] = page.split(/^\| `evolve generate |^## `evolve generate`$/m);
    const [synopsis] = page.match(/^\| `evolve generate .*$/m) as RegExpMatchArray;
    const explained = new Set([...flags(synopsis), ...flags(section.split('```')[0])]);
    expect([...explained].sort()).to.deep.equal(
      [...flags(await help('generate'))].filter((flag) => flag !== '--help').sort(),
    );
  });
});

describe('configs/README.md', () => {
  const rows = tableRows(readPage('configs/README.md'))
    .filter(([key, ...others]) => /^`[a-zA-Z.0-9]+`$/.test(key) && others.length === 3)
    .map(([key, , value, meaning]) => ({ key: quoted(key)[0], value, meaning }));
  const given = { model: { path: '.' }, data: { sources: ['alpaca'] } };
  const defaults = makeConfig(given);

  /** The default that a row says, as YAML; undefined where it says it in words. */
  const said = (value: string): unknown =>
    /^`[^`]*`$/.test(value) && !/^`[a-z]+\./i.test(value) ? parse(value.slice(1, -1)) : undefined;

  /** The keys of the schema, with their defaults. */
  function* keysOf(): Generator<{ key: string; value: unknown }> {
    const { model, data, train, ...others } = configSchema.shape;
    const sections = { model: model.shape, data: data.shape, train: train.unwrap().shape };
    for (const [section, shape] of Object.entries(sections))
      for (const name of Object.keys(shape)) {
        const values = defaults[section as keyof typeof sections] as Record<string, unknown>;
        const isGiven = name in ((given as Record<string, object>)[section] ?? {});
        yield { key: `${section}.${name}`, value: isGiven ? undefined : values[name] };
      }
    for (const name of Object.keys(others)) {
      const value = defaults[name as keyof typeof others];
      if (name === 'adapter') yield { key: 'adapter.method', value: (value as { method: string }).method };
      else yield { key: name, value: name === 'output' ? undefined : value };
    }
  }

  it('explains every key, with its default', () => {
    for (const { key, value } of keysOf()) {
      const row = rows.find((candidate) => candidate.key === key);
      expect(row, key).to.not.equal(undefined);
      const { name } = (value ?? {}) as { name?: string };
      expect(said(row?.value ?? ''), key).to.deep.equal(name ?? value);
    }
  });

  it('explains every option of the plugins that keys name, with its default', async () => {
    const plugins = await builtInPlugins();
    const slots = slotsOf({
      ...defaults,
      device: { name: 'native' },
      metrics: [{ name: 'perplexity' }],
      trackers: [{ name: 'progress' }],
    });
    const explained: string[] = [];
    for (const { family, at } of slots) {
      const prefix = at.filter((part) => typeof part === 'string').join('.');
      for (const plugin of plugins.filter((candidate) => candidate.family === family)) {
        for (const [option, value] of optionsOf(plugin)) {
          const row = rows.find(
            ({ key, meaning }) =>
              key === `${prefix}.${option}` && quoted(meaning.split(':')[0]).includes(plugin.name),
          );
          expect(row, `${prefix}.${option} of ${plugin.name}`).to.not.equal(undefined);
          expect(said(row?.value ?? ''), `${prefix}.${option} of ${plugin.name}`).to.equal(value);
          explained.push(`${prefix}.${option}`);
        }
      }
    }
    expect(explained).to.include.members(['quantizer.compute', 'metrics.limit', 'device.threads']);
    const [, source] = configSchema.shape.data.shape.sources.element.options;
    const ours = Object.keys(source.shape).filter((key) => !Object.hasOwn(axolotlKeys, key));
    const ofSources = ours.map((key) => `data.sources.${key}`);
    for (const key of Object.keys(axolotlKeys)) expect(readPage('data/README.md')).to.include(`\`${key}\``);
    expect(rows.map(({ key }) => key)).to.include.members(ofSources);
    const known = [...explained, ...ofSources, ...[...keysOf()].map(({ key }) => key)];
    expect(rows.map(({ key }) => key).filter((key) => !known.includes(key))).to.deep.equal([]);
  });

  it('names every plugin that a key may name', async () => {
    const plugins = await builtInPlugins();
    const byKey = (slot: Slot) => [...slot.at.filter((part) => typeof part === 'string')].join('.');
    for (const slot of slotsOf({
      ...defaults,
      metrics: [{ name: 'perplexity' }],
      trackers: [{ name: 'progress' }],
    })) {
      const key = slot.family === 'adapters' ? 'adapter.method' : byKey(slot);
      const row = rows.find((candidate) => candidate.key === key);
      const named = quoted(`${row?.value} ${row?.meaning}`);
      for (const { name, family } of plugins) if (family === slot.family) expect(named, key).to.include(name);
    }
  });
});

/** The options that a plugin takes, with their defaults. */
function optionsOf({ schema }: Plugin): [string, unknown][] {
  if (!schema) return [];
  const inner = (schema as { in?: typeof schema }).in ?? schema;
  const { shape } = inner as unknown as { shape: Record<string, unknown> };
  const defaults = schema.parse({}) as Record<string, unknown>;
  return Object.keys(shape).map((name) => [name, defaults[name]]);
}

describe('data/README.md', () => {
  const rows = tableRows(readPage('data/README.md'));

  it('explains every format, as README.md does, and every name of the catalogue', () => {
    const named = rows.flatMap(([name]) => quoted(name));
    expect(named).to.include.members([...foldersOf('plugins', 'datasets'), ...Object.keys(readCatalogue())]);
    const inShort = tableRows(readPage('README.md')).flatMap(([name]) => quoted(name));
    expect(inShort).to.include.members(foldersOf('plugins', 'datasets'));
  });
});

describe('plugins/README.md', () => {
  const page = readPage('plugins/README.md');
  const rows = tableRows(page);
  const first = rows.flatMap(([cell]) => quoted(cell));

  it('explains every hook in the words and the order of core/plugins/hooks.ts, and every family', () => {
    const documented = rows.flatMap(([name, kind]) => {
      const [hook] = kind?.match(/^(Async|Sync)\w*/) ?? [];
      return hook ? [[quoted(name)[0], `${hook}Hook`]] : [];
    });
    const hooks = Object.entries(createHooks()).map(([name, hook]) => [name, hook.constructor.name]);
    expect(documented).to.deep.equal(hooks);
    expect(first).to.include.members(Object.keys(FAMILIES));
    expect(foldersOf('plugins').sort()).to.deep.equal(Object.keys(FAMILIES).sort());
  });

  it('names every built-in backbone, checkpoint format and device, and everything that can be imported', () => {
    for (const family of ['backbones', 'checkpoints', 'devices'])
      expect(first).to.include.members(foldersOf('plugins', family));
    const imports = Object.keys(exports).map((name) => `evolving-alpaca${name.slice(1)}`);
    expect(first.filter((name) => name.startsWith('evolving-alpaca'))).to.have.members(imports);
  });

  it('names every example', () => {
    const examples = linksOf(page).filter((target) => target.includes('fixtures/plugins/'));
    expect(examples.map((target) => path.basename(target))).to.have.members(
      readdirSync(path.join(ROOT, 'test', 'fixtures', 'plugins')),
    );
  });
});
