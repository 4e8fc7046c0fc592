import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { describeMpi } from '../../support/mpi.js';
import { MpiRuns } from '../../support/mpi-runs.js';
import { expectClose } from '../../support/numbers.js';

describeMpi('runs of several processes', (mpi) => {
  let runs: MpiRuns;
  before(() => {
    runs = new MpiRuns(mpi);
  });
  after(() => runs.remove());

  // With dropout, accumulation, a last step of an epoch that has fewer rows than there are processes, and held-out rows.
  it('lose what one process loses, with 2 and with 4', async () => {
    await runs.run('one');
    for (const count of [2, 4]) {
      const { status, stderr } = await runs.run(`of${count}`, '--processes', `${count}`);
      expect(status, stderr).to.equal(0);
      expectClose(runs.losses(`of${count}`), runs.losses('one'), 1e-5);
      expectClose(runs.heldOutLosses(`of${count}`), runs.heldOutLosses('one'), 1e-5);
      expect(existsSync(runs.folder.join(`of${count}`, 'adapter', 'adapter_model.safetensors'))).to.equal(
        true,
      );
    }
  });

  it('go on with another number of processes, and another', async () => {
    await runs.run('straight');
    for (const [count, steps] of [
      [2, 2],
      [1, 4],
      [3, 6],
    ]) {
      const args = ['--processes', `${count}`, '--set', `train.maxSteps=${steps}`];
      const { status, stderr } = await runs.run('on', ...args, ...(steps > 2 ? ['--resume'] : []));
      expect(status, stderr).to.equal(0);
    }
    expectClose(runs.losses('on'), runs.losses('straight'), 1e-5);
  });

  it('are started by mpirun too, and tell in one voice', async () => {
    const args = runs.argumentsOf('direct', '--json');
    const { status, stdout, stderr } = await runs.runEach(args, args);
    expect(status, stderr).to.equal(0);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const count = (type: string) => events.filter((event) => event.type === type).length;
    expect([count('start'), count('step'), count('done')]).to.deep.equal([1, 6, 1]);
    expect(events[0])
      .to.have.property('message')
      .that.matches(/^2 processes: 2 on /);
  });
});
