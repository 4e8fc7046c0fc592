import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { evolve } from '../../support/cli.js';
import { describeMpi, processOfRank } from '../../support/mpi.js';
import { ENDLESS, errorsOf, MpiRuns } from '../../support/mpi-runs.js';
import { EIGHT_ROWS, readJson } from '../../support/runs.js';
import { skip } from '../../support/skip.js';

/** Waits until there is no such process. */
async function gone(pid: number): Promise<void> {
  const isThere = () => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  while (isThere()) await setTimeout(50);
}

describeMpi('runs of several processes, where something goes wrong,', (mpi) => {
  let runs: MpiRuns;
  before(() => {
    runs = new MpiRuns(mpi);
  });
  after(() => runs.remove());

  it('tell once what is wrong for all', async () => {
    const args = ['--set', 'train.epochs=none'];
    const result = await runs.run('bad', '--processes', '2', ...args);
    expect(result.status).to.equal(2);
    expect(errorsOf(result)).to.have.lengthOf(1);
    expect(result.stderr).to.include('train.epochs');
    const started = runs.argumentsOf('bad', ...args);
    expect(errorsOf(await runs.runEach(started, started)), 'by mpirun').to.have.lengthOf(1);
  });

  describe('end within 30 s, with one message that names', () => {
    for (const [what, signal, says] of [
      ['the process that was killed', 'SIGKILL', /^evolve: process 1 on \S+ exited on signal 9/],
      ['the process that hangs', 'SIGSTOP', /^evolve: process 1 on \S+ gives no sign of life/],
    ] as const) {
      it(what, async function () {
        if (process.platform !== 'linux') skip(this, 'the process is looked up in /proc');
        const running = runs.begin(signal, '--processes', '2', '--json', ...ENDLESS);
        await running.until('"step":4,');
        const pid = processOfRank(1, runs.folder.join(signal));
        process.kill(pid, signal);
        const began = performance.now();
        const result = await running.end();
        expect(performance.now() - began).to.be.below(30_000);
        await gone(pid);
        expect(result.status).to.equal(1);
        const told = errorsOf(result);
        expect(told, result.stderr).to.have.lengthOf(1);
        expect(told[0]).to.match(says);
        const lines = result.stdout.trim().split('\n');
        const ends = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === 'error');
        expect(ends).to.have.lengthOf(1);
        expect(ends[0]).to.include({ code: 'WORLD_FAILED' });

        const steps = `train.maxSteps=${runs.newestStep(signal) + 2}`;
        const on = await runs.run(signal, '--resume', '--processes', '2', '--set', steps);
        expect(on.status, on.stderr).to.equal(0);
      });
    }
  });

  it('are interrupted as one is', async () => {
    const running = runs.begin('stopped', '--processes', '2', '--json', ...ENDLESS);
    await running.until('"step":4,');
    running.child.kill('SIGINT');
    const result = await running.end();
    expect(result.status).to.equal(130);
    expect(errorsOf(result)).to.have.lengthOf(1);
    expect(readJson(runs.folder.join('stopped', 'run.json'))).to.include({ status: 'interrupted' });
  });

  describe('are refused', () => {
    const train = { perDeviceBatchSize: 1, gradientAccumulationSteps: 4 };

    it('where one has another configuration, with the difference', async () => {
      const output = runs.folder.join('differ');
      const files = [0.03, 0.02].map((learningRate, i) =>
        runs.write(`${i}.yaml`, { output, train: { ...train, learningRate } }),
      );
      const result = await runs.runEach(['run', files[0]], ['run', files[1]]);
      expect(errorsOf(result), result.stderr).to.have.lengthOf(1);
      expect(result.stderr).to.match(
        /process 1 on \S+ differs from process 0\ntrain.learningRate: 0.02, but 0.03 in process 0/,
      );
      expect(existsSync(output)).to.equal(false);
    });

    it('where one has other data', async () => {
      const output = runs.folder.join('data');
      const rows = JSON.parse(EIGHT_ROWS);
      rows[3].output = 'It is otherwise.';
      const sources = [{ path: runs.folder.write('other.json', JSON.stringify(rows)), format: 'alpaca' }];
      const own = runs.write('same.yaml', { output });
      const other = runs.write('rows.yaml', { output, data: { sources, validationSize: 2 } });
      const result = await runs.runEach(['run', own], ['run', other]);
      expect(errorsOf(result), result.stderr).to.have.lengthOf(1);
      expect(result.stderr).to.match(/process 1 on \S+ differs from process 0\nrows of the data: /);
    });

    it('where there are more than rows in a step', async () => {
      const result = await runs.run('many', '--processes', '3', '--set', 'train.gradientAccumulationSteps=2');
      expect(result.status).to.equal(2);
      expect(errorsOf(result)).to.deep.equal(['evolve: 3 processes are more than the 2 rows of a step']);
    });

    it('where the number is none', async () => {
      const result = await runs.run('none', '--processes', '0');
      expect(result.status).to.equal(2);
      expect(result.stderr).to.include('--processes').and.to.include('Expected a whole number from 1.');
    });

    it('where there is no mpirun, or no mpicc, with the package that brings it', async () => {
      const args = runs.argumentsOf('without', '--processes', '2');
      const { EVOLVE_MPIRUN, EVOLVE_MPICC } = mpi.env;
      const noRun = await evolve(args, { env: { EVOLVE_MPICC, EVOLVE_MPIRUN: '/nowhere/mpirun' } });
      expect(noRun.status).to.equal(2);
      expect(noRun.stderr).to.include('/nowhere/mpirun').and.to.include('apt-get install openmpi-bin');
      const noCompiler = await evolve(args, { env: { EVOLVE_MPIRUN, EVOLVE_MPICC: '/nowhere/mpicc' } });
      expect(noCompiler.status).to.equal(2);
      expect(errorsOf(noCompiler), noCompiler.stderr).to.have.lengthOf(1);
      expect(noCompiler.stderr).to.include('/nowhere/mpicc').and.to.include('apt-get install libopenmpi-dev');
    });

    it('where MPI has started them already', async () => {
      const args = runs.argumentsOf('started', '--processes', '2');
      const result = await runs.runEach(args, args);
      expect(errorsOf(result)).to.deep.equal(['evolve: --processes 2: MPI has started 2 processes already']);
    });
  });
});
