/** Runs are killed and go on where files can have no second name, as on exFAT (`npm run test:faults`). */

import { expect } from 'chai';
import { type CliResult, execute } from '../support/cli.js';
import { TemporaryFolder } from '../support/files.js';
import { surviveKills } from '../support/killed-run.js';
import { skip } from '../support/skip.js';

describe('a run on a file system without links', () => {
  const folder = new TemporaryFolder();
  const mount = folder.join('disk');
  let loop = '';

  before(async function () {
    const image = folder.join('image');
    const ask = async (command: string, ...args: string[]): Promise<CliResult> => {
      const failed = (error: Error) => ({ status: null, stdout: '', stderr: error.message });
      const result = await execute(command, args).catch(failed);
      if (result.status !== 0)
        skip(this, `no exFAT can be mounted here: ${command}: ${result.stderr.trim()}`);
      return result;
    };
    await ask('truncate', '--size=64M', image);
    await ask('mkfs.exfat', image);
    loop = (await ask('losetup', '--find', '--show', image)).stdout.trim();
    await ask('mkdir', mount);
    await ask('mount.exfat-fuse', loop, mount);
  });

  after(async () => {
    await execute('umount', [mount]).catch(() => undefined);
    if (loop) await execute('losetup', ['--detach', loop]);
    folder.remove();
  });

  it('ends with the adapter and the metrics of a run elsewhere, through 10 kills', async () => {
    const linked = await execute('sh', ['-c', `echo x > ${mount}/a && ln ${mount}/a ${mount}/b`]);
    expect(linked.status, 'the file system has links').to.not.equal(0);
    await surviveKills(folder, { device: 'native', kills: 10, place: mount });
  });
});
