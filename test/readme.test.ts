import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { ERROR_CODES } from '../core/base/errors.js';
import { configSchema } from '../core/config/schema.js';
import { createHooks } from '../core/plugins/hooks.js';
import { FAMILIES } from '../core/plugins/plugin.js';
import { evolve } from './support/cli.js';
import { ROOT, TemporaryFolder } from './support/files.js';

const read = (...names: string[]) => readFileSync(path.join(ROOT, ...names), 'utf8');
const readme = read('README.md');

/** The lines of every block of shell commands. */
const commands = [...readme.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block]) =>
  block.trimEnd().split('\n'),
);

/** `a "b c" d` -> its words. */
function words(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
}

describe('README.md', () => {
  it('begins with the two command lines that .ci/run runs from a clean clone', () => {
    const [first, second] = commands;
    expect(first).to.equal('npm ci && npx evolve run configs/llama-alpaca-belle-cot.yaml');
    expect(second).to.equal('npm test');
    const lines = read('.ci', 'run').split('\n');
    expect(lines.some((line) => line.startsWith(first))).to.equal(true);
    expect(lines.some((line) => line.startsWith(second))).to.equal(true);
  });

  it('holds no command that does not work', async function () {
    this.timeout(180_000);
    const folder = new TemporaryFolder();
    try {
      // Shortened: fewer steps, fewer tokens, and every run into a folder of its own.
      let trained = '';
      const ofEvolve = commands
        .flatMap((line) => line.split(' && '))
        .filter((line) => line.startsWith('npx evolve '));
      expect(ofEvolve.length).to.be.at.least(5);
      for (const line of ofEvolve) {
        const [, , ...args] = words(line);
        const inFolder = args.map((arg) =>
          arg.startsWith('runs/')
            ? folder.join(path.basename(trained), arg.split('/').slice(2).join('/'))
            : arg,
        );
        if (args[0] === 'run') {
          trained = folder.join(`run-${ofEvolve.indexOf(line)}`);
          const at = inFolder.indexOf('--output');
          if (at >= 0) inFolder.splice(at, 2);
          inFolder.push('--set', 'train.maxSteps=1', '--set', 'data.validationSize=4', '--output', trained);
        }
        if (args[0] === 'generate') inFolder.push('--max-new-tokens', '3');
        const { status, stderr } = await evolve(inFolder);
        expect(status, `${line}\n${stderr}`).to.equal(0);
      }
    } finally {
      folder.remove();
    }
  });

  it('names scripts that package.json has', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const [, script] of readme.matchAll(/npm run (?:--\w+ )?([\w:-]+)/g))
      expect(scripts).to.have.property(script);
  });

  it('explains every error code, with its exit status', () => {
    const documented = [...readme.matchAll(/^\| `([A-Z_]+)` \| (\d+) \|/gm)].map(([, code, status]) => [
      code,
      Number(status),
    ]);
    expect(Object.fromEntries(documented)).to.deep.equal(ERROR_CODES);
  });

  it('explains every key of the configuration', () => {
    const table = readme.split('### Configuration')[1].split('### Errors')[0];
    const schema = configSchema.shape;
    const keys = [
      ...Object.keys(schema.model.shape),
      ...Object.keys(schema.data.shape),
      ...Object.keys(schema.train.unwrap().shape),
      ...['quantizer', 'device', 'plugins', 'output'],
    ];
    for (const key of keys) expect(table, key).to.match(new RegExp(`\`[a-z.]*${key}\``));
  });

  it('names files that are there', () => {
    for (const [, target] of readme.matchAll(/\]\(([^)#:]+)\)/g))
      expect(existsSync(path.join(ROOT, target)), target).to.equal(true);
  });
});

describe('plugins/README.md', () => {
  it('explains every hook in the words and the order of core/plugins/hooks.ts, and every family', () => {
    const text = read('plugins', 'README.md');
    const documented = [...text.matchAll(/^\| `(\w+)` \| ((?:Async|Sync)\w*)/gm)].map(([, name, kind]) => [
      name,
      `${kind}Hook`,
    ]);
    const hooks = Object.entries(createHooks()).map(([name, hook]) => [name, hook.constructor.name]);
    expect(documented).to.deep.equal(hooks);
    for (const family of Object.keys(FAMILIES)) expect(text).to.include(`| \`${family}\` |`);
    const folders = readdirSync(path.join(ROOT, 'plugins'), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    expect(folders.map((entry) => entry.name).sort()).to.deep.equal(Object.keys(FAMILIES).sort());
  });
});
