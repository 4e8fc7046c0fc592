import { expect } from 'chai';
import { builtInPlugins } from '../../../core/plugins/load.js';
import { evolve, execute } from '../../support/cli.js';
import { ROOT, TemporaryFolder } from '../../support/files.js';
import { skip } from '../../support/skip.js';

describe('evolve completion', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  const scriptFor = async (shell: string) => {
    const { stdout, stderr, status } = await evolve(['completion', shell]);
    expect(status, stderr).to.equal(0);
    return folder.write(`evolve.${shell}`, stdout);
  };

  /** What bash offers where the last word is completed. */
  const inBash = async (script: string, words: readonly string[]) => {
    const completing = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _evolve; for word in \${COMPREPLY[*]}; do echo "$word"; done`;
    const { stdout, stderr } = await execute('bash', ['-c', completing, script, ...words]);
    expect(stderr).to.equal('');
    return stdout.split('\n').filter((word) => word !== '');
  };

  const CASES: readonly [words: string[], offered: string[]][] = [
    [['ge'], ['generate']],
    [['export', '--fo'], ['--format']],
    [
      ['export', '--format', ''],
      ['gguf', 'safetensors', 'gguf-adapter', 'mlx'],
    ],
    [['export', '--type', 'b'], ['bf16']],
    [['run', 'my.yaml', '--output', 'x', '--de'], ['--device']],
    [['completion', 'f'], ['fish']],
    // Files, of which the shell knows.
    [['run', 'm'], []],
    [['generate', '--run', ''], []],
    // Anything.
    [['generate', '--instruction', ''], []],
  ];

  it('bash completes commands, options and their values', async () => {
    const script = await scriptFor('bash');
    for (const [words, offered] of CASES)
      expect(await inBash(script, ['evolve', ...words]), words.join(' ')).to.deep.equal(offered);
  });

  it('bash offers every command of --help', async () => {
    const { stdout } = await evolve(['--help']);
    const commands = [...stdout.split('Commands:')[1].matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name);
    const offered = await inBash(await scriptFor('bash'), ['evolve', '']);
    expect(offered).to.include.members(commands.filter((name) => name !== 'help'));
  });

  it('bash offers the built-in devices', async () => {
    const plugins = await builtInPlugins();
    const devices = plugins.flatMap(({ family, name }) => (family === 'devices' ? [name] : []));
    const offered = await inBash(await scriptFor('bash'), ['evolve', 'run', '--device', '']);
    expect(offered.sort()).to.deep.equal(['auto', ...devices].sort());
  });

  it('fish completes the same', async function () {
    const isThere = await execute('fish', ['--version']).catch(() => undefined);
    if (!isThere) skip(this, 'there is no fish');
    const script = await scriptFor('fish');
    folder.write('my.yaml', '');
    for (const [words, offered] of CASES) {
      const line = `evolve ${words.join(' ')}`;
      const { stdout } = await execute('fish', ['-c', `source ${script}; complete -C '${line}'`], {
        cwd: folder.path,
      });
      const found = stdout.split('\n').flatMap((text) => text.split('\t')[0] || []);
      if (offered.length > 0) expect(found, line).to.have.members(offered);
      else if (line.includes('--instruction')) expect(found, line).to.deep.equal([]);
      else expect(found, line).to.include('my.yaml');
    }
  });

  it('zsh takes the script', async function () {
    const isThere = await execute('zsh', ['--version']).catch(() => undefined);
    if (!isThere) skip(this, 'there is no zsh');
    const script = await scriptFor('zsh');
    const { stdout, stderr } = await execute('zsh', ['-f', '-c', `source ${script}; print $_comps[evolve]`], {
      cwd: ROOT,
      env: { HOME: folder.path },
    });
    expect(stderr).to.equal('');
    expect(stdout).to.include('_evolve');
  });

  it('names the shells that there are scripts for', async () => {
    const { status, stderr } = await evolve(['completion', 'tcsh']);
    expect(status).to.equal(2);
    expect(stderr).to.include('Allowed choices are bash, zsh, fish.');
  });
});
