import { readdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { evolve, execute } from '../../../support/cli.js';
import { EMULATED, requireEmulated } from '../../../support/cuda.js';
import { ROOT, TemporaryFolder } from '../../../support/files.js';

describe('the npm package, as it is installed elsewhere', () => {
  it('builds the addon of the device cuda from its sources, and finds its kernels', async function () {
    requireEmulated(this);
    const folder = new TemporaryFolder();
    try {
      const args = ['pack', '--ignore-scripts', '--pack-destination', folder.path];
      const packed = await execute('npm', args, { cwd: ROOT });
      expect(packed.status, packed.stderr).to.equal(0);
      const [archive] = readdirSync(folder.path);
      const unpacked = await execute('tar', ['-xzf', folder.join(archive), '-C', folder.path]);
      expect(unpacked.status, unpacked.stderr).to.equal(0);
      const root = folder.join('package');
      symlinkSync(path.join(ROOT, 'node_modules'), path.join(root, 'node_modules'));

      const script = path.join(root, 'plugins', 'devices', 'cuda', 'build.ts');
      const env = { EVOLVE_SANITIZE: '' };
      const built = await execute(process.execPath, ['--import', 'tsx', script], { cwd: root, env });
      expect(built.stderr).to.equal('');
      expect(built.status).to.equal(0);
      const { stdout, stderr } = await evolve(['device', '--json'], { root, env: { ...env, ...EMULATED } });
      expect(JSON.parse(stdout.split('\n')[0]), stderr).to.include({ name: 'cuda', usable: true });
    } finally {
      folder.remove();
    }
  });
});
