import { cpSync, existsSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { cliOf, evolve, execute } from '../../support/cli.js';
import { EMULATED, requireEmulated } from '../../support/cuda.js';
import { ROOT } from '../../support/files.js';
import { describeMpi, findMpi, mpirunArguments, processOfRank } from '../../support/mpi.js';
import { ENDLESS, errorsOf, MpiRuns } from '../../support/mpi-runs.js';
import { begin } from '../../support/processes.js';
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

  describe('end where one process', () => {
    /** What process 1 does in its third step. */
    const HUNGRY = {
      'has no memory left for JavaScript': [
        'const all = []; for (;;) all.push([all.length, [all.length]]);',
        /^evolve: process 1 on \S+ ran out of memory, and exited on signal \d+/,
      ],
      'is refused memory': [
        'new ArrayBuffer(2 ** 50);',
        /^evolve: process 1 on \S+: plugin "hungry" failed in the hook "loss": Array buffer allocation failed/,
      ],
      'is ended by a plugin': [
        'process.exit(3);',
        /^evolve: something ended process 1 on \S+ with process.exit\(\)/,
      ],
    } as const;
    for (const [what, [code, says]] of Object.entries(HUNGRY)) {
      it(`${what}, with one message that names it`, async () => {
        const plugin = runs.folder.write(
          'hungry.mjs',
          `import { definePlugin } from 'evolving-alpaca';
          const tap = (loss, batch, { step, world }) => { if (world.rank === 1 && step === 2) { ${code} } };
          export default definePlugin({ name: 'hungry', apiVersion: 2, apply: ({ hooks }) => hooks.loss.tap(tap) });`,
        );
        const file = runs.write('hungry.yaml', { plugins: [plugin], output: runs.folder.join('hungry') });
        const env = { ...mpi.env, NODE_OPTIONS: '--max-old-space-size=200' };
        const result = await evolve(['run', file, '--processes', '2'], { env });
        expect(result.status).to.equal(1);
        expect(errorsOf(result), result.stderr).to.have.lengthOf(1);
        expect(errorsOf(result)[0]).to.match(says);
        expect(result.stderr.split('\n').length, result.stderr).to.be.below(6);
      });
    }
  });

  it('end as a run of one does where nobody reads on', async () => {
    const command = [process.execPath, cliOf(), ...runs.argumentsOf('head', '--processes', '2', ...ENDLESS)];
    const quoted = command.map((word) => `'${word}'`).join(' ');
    const result = await execute('bash', ['-o', 'pipefail', '-c', `${quoted} | head -3`], { env: mpi.env });
    expect(result.status).to.equal(130);
    expect(result.stdout.trim().split('\n')).to.have.lengthOf(3);
    expect(errorsOf(result), result.stderr).to.have.lengthOf(1);
  });

  it('say once that CUDA_VISIBLE_DEVICES names no card, and take the next device', async function () {
    requireEmulated(this);
    const env = { ...mpi.env, ...EMULATED, CUDA_VISIBLE_DEVICES: '7' };
    const args = runs.argumentsOf('no-card', '--processes', '2', '--device', 'cuda');
    const { status, stdout, stderr } = await evolve(args, { env });
    expect(status, stderr).to.equal(0);
    expect(stdout.match(/not cuda: CUDA_VISIBLE_DEVICES is "7", which names no card/g)).to.have.lengthOf(1);
  });

  describe('are interrupted as one is', () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      it(`by ${signal}`, async () => {
        const running = runs.begin(`by-${signal}`, '--processes', '2', '--json', ...ENDLESS);
        await running.until('"step":4,');
        running.child.kill(signal);
        const result = await running.end();
        expect(result.status).to.equal(130);
        expect(errorsOf(result)).to.have.lengthOf(1);
        expect(readJson(runs.folder.join(`by-${signal}`, 'run.json'))).to.include({ status: 'interrupted' });
      });

      it(`by ${signal} to mpirun`, async () => {
        const output = `mpirun-by-${signal}`;
        const running = begin(runs.argumentsOf(output, '--json', ...ENDLESS), {
          env: mpi.env,
          through: [mpi.mpirun, ...mpirunArguments(mpi, 2)],
        });
        await running.until('"step":4,');
        running.child.kill(signal);
        const result = await running.end();
        expect(result.status).to.be.above(0);
        expect(errorsOf(result), result.stderr).to.have.lengthOf(1);
        expect(readJson(runs.folder.join(output, 'run.json'))).to.include({ status: 'interrupted' });
      });
    }

    it('at once by a second Ctrl-C', async function () {
      if (process.platform !== 'linux') skip(this, 'the processes are looked up in /proc');
      const running = runs.begin('twice', '--processes', '2', '--json', ...ENDLESS);
      await running.until('"step":4,');
      const pids = [0, 1].map((rank) => processOfRank(rank, runs.folder.join('twice')));
      running.child.kill('SIGINT');
      await setTimeout(20);
      running.child.kill('SIGINT');
      expect((await running.end()).status).to.equal(130);
      for (const pid of pids) await gone(pid);
    });
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

    it('where one is of another version', async () => {
      const other = runs.folder.join('other-version');
      for (const part of ['.build/core', '.build/plugins', 'plugins/worlds/mpi'])
        cpSync(path.join(ROOT, part), path.join(other, part), { recursive: true });
      symlinkSync(path.join(ROOT, 'node_modules'), path.join(other, 'node_modules'));
      const own = readJson(ROOT, 'package.json');
      runs.folder.write('other-version/package.json', JSON.stringify({ ...own, version: '99.0.0' }));
      const [first, second] = [ROOT, other].map((root) => [
        process.execPath,
        cliOf(root),
        ...runs.argumentsOf('versions'),
      ]);
      const result = await runs.startEach(first, second);
      expect(errorsOf(result), result.stderr).to.have.lengthOf(1);
      expect(result.stderr).to.include(`version of evolve: 99.0.0, but ${own.version} in process 0`);
    });

    it('where one finds no card, with what it found', async function () {
      requireEmulated(this);
      const command = [process.execPath, cliOf(), ...runs.argumentsOf('one-card', '--device', 'cuda')];
      const under = (env: Record<string, string>) => [
        'env',
        ...Object.entries({ ...EMULATED, ...env }).map(([name, value]) => `${name}=${value}`),
        ...command,
      ];
      const result = await runs.startEach(under({}), under({ CUDA_VISIBLE_DEVICES: '7' }));
      expect(errorsOf(result), result.stderr).to.have.lengthOf(1);
      expect(result.stderr).to.match(
        /^device: (native|portable) \(.*CUDA_VISIBLE_DEVICES is "7".*, but cuda in process 0$/m,
      );
    });

    it('where mpirun and mpicc are of two kinds of MPI', async function () {
      const other = findMpi(mpi.kind === 'MPICH' ? 'Open MPI' : 'MPICH');
      if (!other) skip(this, 'there is one MPI');
      const env = { ...mpi.env, EVOLVE_MPICC: other.env.EVOLVE_MPICC };
      const result = await evolve(runs.argumentsOf('kinds', '--processes', '2'), { env });
      expect(result.status).to.equal(2);
      expect(errorsOf(result), result.stderr).to.deep.equal([
        'evolve: 2 processes were started, but MPI joins 1: mpirun and mpicc are of two kinds of MPI',
      ]);
    });

    it('where a host is not there, or its file says something else', async () => {
      const [unknown, wrong] = ['nowhere.invalid slots=1\n', 'node1\nnode2 cores=3\n'].map((text, i) =>
        runs.folder.write(`hosts${i}`, text),
      );
      const result = await runs.run('nowhere', '--processes', '2', '--hostfile', unknown);
      expect(result.status).to.equal(1);
      expect(errorsOf(result), result.stderr).to.have.lengthOf(1);
      expect(result.stderr).to.match(/^evolve: a host of --hostfile is not reached: .*nowhere/);
      const refused = await runs.run('nowhere', '--processes', '2', '--hostfile', wrong);
      expect(refused.status).to.equal(2);
      expect(errorsOf(refused)[0]).to.match(/hosts1:2: it is no host and number: node2 cores=3$/);
    });

    if (mpi.kind === 'MPICH')
      it('where npx has closed what mpirun speaks through', async () => {
        // As libuv does with what it starts.
        const command = [
          'sh',
          '-c',
          `exec "$0" "$@" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-`,
          process.execPath,
          cliOf(),
        ];
        const all = [...command, ...runs.argumentsOf('closed')];
        const result = await runs.startEach(all, all);
        expect(errorsOf(result), result.stderr).to.have.lengthOf(1);
        expect(result.stderr).to.include("MPICH's mpirun cannot speak with its processes");
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
      expect(errorsOf(result)).to.deep.equal([
        'evolve: --processes 3: a step has 2 rows, train.perDeviceBatchSize × train.gradientAccumulationSteps',
      ]);
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
