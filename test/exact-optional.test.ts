import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { execute } from './support/cli.js';
import { fixture, ROOT, TemporaryFolder } from './support/files.js';

describe('the exported types', () => {
  it('and plugins written with them compile under exactOptionalPropertyTypes', async function () {
    this.timeout(300_000);
    const kits = readdirSync(path.join(ROOT, '.build', 'plugins')).map((family) =>
      path.join(ROOT, '.build', 'plugins', family, 'kit', 'index.d.ts'),
    );
    const folder = new TemporaryFolder();
    try {
      const strict = { exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true, rootDir: '/' };
      // The types that a user gets, not the sources.
      const options = { ...strict, customConditions: [] };
      const typeRoots = [path.join(ROOT, 'node_modules', '@types')];
      const file = folder.write(
        'tsconfig.json',
        JSON.stringify({
          extends: path.join(ROOT, 'tsconfig.json'),
          compilerOptions: { ...options, typeRoots },
          include: [path.join(ROOT, '.build/core/index.d.ts'), ...kits, `${fixture('plugins')}/*.ts`],
          exclude: [],
        }),
      );
      const tsc = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
      const { stdout } = await execute(process.execPath, [tsc, '-p', file], { cwd: ROOT });
      expect(stdout, 'tsc has looked at something').to.include('node_modules');
      // What stands in other packages is not ours.
      const own = stdout.split('\n').filter((line) => /^\S/.test(line) && !line.includes('node_modules'));
      expect(own).to.deep.equal([]);
    } finally {
      folder.remove();
    }
  });
});
