/** The wall clock jumps while runs are killed and go on (`npm run test:faults`): nothing that a run computes depends on it. */

import { expect } from 'chai';
import { execute } from '../support/cli.js';
import { ROOT, TemporaryFolder } from '../support/files.js';
import { surviveKills } from '../support/killed-run.js';
import { skip } from '../support/skip.js';

describe('a run whose clock jumps by days and years', () => {
  it('ends with the adapter and the metrics of a run whose clock does not, through 10 kills', async function () {
    if (process.platform !== 'linux') skip(this, 'only Linux preloads a library');
    const folder = new TemporaryFolder();
    const library = folder.join('clock.so');
    const source = `${ROOT}/test/support/jumping_clock.c`;
    const { status, stderr } = await execute('cc', ['-O1', '-shared', '-fPIC', '-o', library, source]);
    expect(status, stderr).to.equal(0);
    const env = { LD_PRELOAD: library };
    const { stdout: moments } = await execute(process.execPath, ['-e', MOMENTS], { env });
    expect(Math.abs(Number(moments)), 'the clock did not jump').to.be.above(3600_000);
    await surviveKills(folder, { device: 'native', kills: 10, env });
    folder.remove();
  });
});

const MOMENTS = `const first = Date.now();
  setTimeout(() => console.log(Date.now() - first), 250);`;
