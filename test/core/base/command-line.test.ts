import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { expect } from 'chai';
import { commandLine } from '../../../core/base/command-line.js';
import { cliOf } from '../../support/cli.js';
import { TemporaryFolder } from '../../support/files.js';

describe('a command of evolve, as a person types it', () => {
  let folder: TemporaryFolder;
  before(() => {
    folder = new TemporaryFolder();
    mkdirSync(folder.join('bin'));
    for (const name of ['evolve', 'evolving-alpaca']) symlinkSync(cliOf(), folder.join('bin', name));
  });
  after(() => folder.remove());

  it('begins as this one did', () => {
    const linked = folder.join('bin', 'evolving-alpaca');
    const starts: [script: string, env: Record<string, string>, wanted: string][] = [
      [linked, { npm_command: 'exec' }, 'npx evolving-alpaca'],
      [folder.join('bin', 'evolve'), { npm_command: 'exec' }, 'npx evolve'],
      [linked, { PATH: `/nowhere:${folder.join('bin')}` }, 'evolving-alpaca'],
      [linked, { PATH: '/nowhere' }, linked],
      ['/some/.build/core/cli.js', {}, 'node /some/.build/core/cli.js'],
      ['/some/program.js', {}, 'npx evolving-alpaca'],
    ];
    for (const [script, env, wanted] of starts) expect(commandLine([], script, env)).to.equal(wanted);
  });

  it('quotes what a shell would not take as one word', () => {
    const typed = commandLine(['--run', "it's my run", 'a$b', '中文', 'plain-1.0/x'], '/x/core/cli.js', {});
    expect(typed).to.equal(`node /x/core/cli.js --run 'it'\\''s my run' 'a$b' '中文' plain-1.0/x`);
    const said = execFileSync('sh', ['-c', typed.replace('node /x/core/cli.js', 'printf %s\\\\n')]);
    expect(said.toString()).to.equal("--run\nit's my run\na$b\n中文\nplain-1.0/x\n");
  });

  it('can be the package’s own name, which no stranger has', () => {
    const version = execFileSync(folder.join('bin', 'evolving-alpaca'), ['--version']).toString();
    expect(version).to.match(/^\d+\.\d+\.\d+\n$/);
  });
});
