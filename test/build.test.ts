import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { execute } from './support/cli.js';
import { ROOT, TemporaryFolder } from './support/files.js';

/** The build script, in a project of two files. */
describe('npm run build', () => {
  let folder: TemporaryFolder;
  before(() => {
    folder = new TemporaryFolder();
    mkdirSync(folder.join('.ci'));
    for (const name of ['.ci/build.ts', 'tsconfig.json'])
      copyFileSync(path.join(ROOT, name), folder.join(name));
    symlinkSync(path.join(ROOT, 'node_modules'), folder.join('node_modules'));
    folder.write('package.json', '{ "type": "module" }');
    folder.write('core/cli.ts', 'export const cli = 1;\n');
    folder.write('core/other.ts', 'export const other = 1;\n');
  });
  after(() => folder.remove());

  const build = () => execute(process.execPath, ['--import', 'tsx', '.ci/build.ts'], { cwd: folder.path });
  const built = (name: string) => folder.join('.build', 'core', name);

  it('leaves alone what did not change, replaces the rest, and removes what has no source', async () => {
    expect((await build()).status).to.equal(0);
    const { ino, mode } = statSync(built('cli.js'));
    expect(mode & 0o111).to.equal(0o111);

    folder.write('core/other.ts', 'export const other = 2;\n');
    folder.write('core/third.ts', 'export {};\n');
    expect((await build()).status).to.equal(0);
    expect(statSync(built('cli.js')).ino).to.equal(ino);
    expect(readFileSync(built('other.js'), 'utf8')).to.include('other = 2');
    expect(existsSync(built('third.js'))).to.equal(true);

    rmSync(folder.join('core', 'third.ts'));
    expect((await build()).status).to.equal(0);
    expect(readdirSync(folder.join('.build', 'core')).sort()).to.deep.equal(
      ['cli', 'other'].flatMap((name) => [`${name}.d.ts`, `${name}.js`, `${name}.js.map`]),
    );
  });

  it('copies style sheets, and removes those that are gone', async () => {
    folder.write('core/page.css', 'p { margin: 0 }\n');
    expect((await build()).status).to.equal(0);
    expect(readFileSync(built('page.css'), 'utf8')).to.equal('p { margin: 0 }\n');
    rmSync(folder.join('core', 'page.css'));
    expect((await build()).status).to.equal(0);
    expect(existsSync(built('page.css'))).to.equal(false);
  });

  it('fails where the sources do, and leaves everything as it was', async () => {
    const before = readFileSync(built('other.js'), 'utf8');
    folder.write('core/other.ts', 'export const other: string = 3;\n');
    const { status, stdout } = await build();
    expect(status).to.equal(1);
    expect(stdout).to.include('core/other.ts');
    expect(readFileSync(built('other.js'), 'utf8')).to.equal(before);
    expect(readdirSync(folder.path).filter((name) => name.startsWith('.build'))).to.deep.equal(['.build']);
  });
});
