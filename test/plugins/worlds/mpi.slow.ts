import { existsSync, readdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { type CliResult, cliOf, evolve, execute } from '../../support/cli.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { mpirunArguments, processOfRank, requireMpi } from '../../support/mpi.js';
import { expectClose } from '../../support/numbers.js';
import { begin } from '../../support/processes.js';
import { EIGHT_ROWS, readJson, readMetrics, readSteps } from '../../support/runs.js';
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

const mpirun = process.env.EVOLVE_MPIRUN || 'mpirun';

describe('runs of several processes over MPI', () => {
  let folder: TemporaryFolder;
  let config: string;

  before(function () {
    requireMpi(this);
    folder = new TemporaryFolder();
    folder.write('rows.json', EIGHT_ROWS);
    config = write('run.yaml', {});
  });
  after(() => folder?.remove());

  /** A configuration whose steps have four micro-batches. */
  function write(name: string, further: object): string {
    const values = {
      model: { path: fixture('llama') },
      adapter: { r: 4, dropout: 0.1 },
      data: { sources: [{ path: folder.join('rows.json'), format: 'alpaca' }], validationSize: 2 },
      train: {
        perDeviceBatchSize: 1,
        gradientAccumulationSteps: 4,
        maxSteps: 6,
        saveEvery: 3,
        evalEvery: 3,
        warmupSteps: 0,
        learningRate: 0.01,
      },
      device: { name: 'portable' },
      ...further,
    };
    return folder.write(name, stringify(values));
  }

  const run = (output: string, ...args: string[]) =>
    evolve(['run', config, '--output', folder.join(output), ...args]);
  const losses = (output: string) => readSteps(folder.join(output)).map(({ loss }) => loss);
  const held = (output: string) => readMetrics(folder.join(output)).flatMap(({ evalLoss }) => evalLoss ?? []);
  /** The step of the newest checkpoint. */
  const newestStep = (output: string) => {
    const names = readdirSync(`${output}/checkpoints`);
    return Math.max(...names.map((name) => Number(/^step-(\d+)$/.exec(name)?.[1] ?? 0)));
  };
  const errors = ({ stderr }: CliResult) => stderr.match(/^evolve: (?!\d+ processes share).*$/gm) ?? [];

  it('lose what one process loses, held-out rows too', async () => {
    await run('one');
    for (const count of [2, 4]) {
      const { status, stderr } = await run(`of${count}`, '--processes', `${count}`);
      expect(status, stderr).to.equal(0);
      expectClose(losses(`of${count}`), losses('one'), 1e-5);
      expectClose(held(`of${count}`), held('one'), 1e-5);
      expect(existsSync(folder.join(`of${count}`, 'adapter', 'adapter_model.safetensors'))).to.equal(true);
    }
  });

  it('go on with another number of processes', async () => {
    await run('on', '--processes', '2', '--set', 'train.maxSteps=3', '--set', 'train.scheduler=constant');
    await run('straight', '--set', 'train.scheduler=constant');
    const { status, stderr } = await run('on', '--resume', '--set', 'train.scheduler=constant');
    expect(status, stderr).to.equal(0);
    expectClose(losses('on'), losses('straight'), 1e-5);
  });

  it('are started by mpirun too, and tell in one voice', async () => {
    const args = [process.execPath, cliOf(), 'run', config, '--output', folder.join('direct'), '--json'];
    const { status, stdout, stderr } = await execute(mpirun, [...mpirunArguments(2), ...args]);
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

  it('tell once what is wrong for all', async () => {
    const result = await run('bad', '--processes', '2', '--set', 'train.epochs=none');
    expect(result.status).to.equal(2);
    expect(errors(result)).to.have.lengthOf(1);
    expect(result.stderr).to.include('train.epochs');
  });

  describe('end within 30 s, with one message that names', () => {
    const endless = ['--set', 'train.maxSteps=1000000', '--set', 'train.evalEvery=1000000'];
    for (const [what, signal, says] of [
      ['the process that was killed', 'SIGKILL', /^evolve: process 1 on \S+ .*(signal 9|with 9)/],
      ['the process that hangs', 'SIGSTOP', /^evolve: process 1 on \S+ gives no sign of life/],
    ] as const) {
      it(what, async function () {
        if (process.platform !== 'linux') skip(this, 'the process is looked up in /proc');
        if (signal === 'SIGSTOP' && !process.env.EVOLVE_TEST_LONG)
          skip(this, 'it takes half a minute; EVOLVE_TEST_LONG=1 has it run');
        const output = folder.join(signal);
        const running = begin(['run', config, '--output', output, '--processes', '2', '--json', ...endless]);
        await running.until('"step":4,');
        const pid = processOfRank(1, output);
        process.kill(pid, signal);
        const began = performance.now();
        const result = await running.end();
        expect(performance.now() - began).to.be.below(30_000);
        await gone(pid);
        expect(result.status).to.equal(1);
        const told = errors(result);
        expect(told, result.stderr).to.have.lengthOf(1);
        expect(told[0]).to.match(says);
        const ends = result.stdout.split('\n').filter((line) => line.includes('"type":"error"'));
        expect(ends).to.have.lengthOf(1);
        expect(JSON.parse(ends[0])).to.include({ code: 'WORLD_FAILED' });

        const newest = newestStep(output);
        const on = await run(signal, '--resume', '--processes', '2', '--set', `train.maxSteps=${newest + 2}`);
        expect(on.status, on.stderr).to.equal(0);
      });
    }
  });

  it('are interrupted as one is', async () => {
    const running = begin([
      ...['run', config, '--output', folder.join('stopped'), '--processes', '2', '--json'],
      ...['--set', 'train.maxSteps=1000000', '--set', 'train.evalEvery=1000000'],
    ]);
    await running.until('"step":4,');
    running.child.kill('SIGINT');
    const result = await running.end();
    expect(result.status).to.equal(130);
    expect(errors(result)).to.have.lengthOf(1);
    expect(readJson(folder.join('stopped', 'run.json'))).to.include({ status: 'interrupted' });
  });

  describe('are refused', () => {
    /** Two processes, each with a configuration of its own. */
    const together = (files: readonly string[], env = {}) => {
      const [first, second] = files.map((file) => [process.execPath, cliOf(), 'run', file]);
      const args = mpirunArguments(1);
      return execute(mpirun, [...args, ...first, ':', ...args.slice(0, 2), ...second], { env });
    };

    it('where one has another configuration, with the difference', async () => {
      const output = folder.join('differ');
      const other = write('other.yaml', {
        output,
        train: { perDeviceBatchSize: 1, gradientAccumulationSteps: 4, learningRate: 0.02 },
      });
      const own = write('own.yaml', {
        output,
        train: { perDeviceBatchSize: 1, gradientAccumulationSteps: 4, learningRate: 0.03 },
      });
      const result = await together([own, other]);
      expect(errors(result), result.stderr).to.have.lengthOf(1);
      expect(result.stderr).to.match(
        /process 1 on \S+ differs from process 0\ntrain.learningRate: 0.02, but 0.03 in process 0/,
      );
      expect(existsSync(output)).to.equal(false);
    });

    it('where one has other data', async () => {
      const output = folder.join('data');
      const rows = JSON.parse(EIGHT_ROWS);
      rows[3].output = 'It is otherwise.';
      const other = write('rows.yaml', {
        output,
        data: {
          sources: [{ path: folder.write('other.json', JSON.stringify(rows)), format: 'alpaca' }],
          validationSize: 2,
        },
      });
      const result = await together([write('same.yaml', { output }), other]);
      expect(errors(result), result.stderr).to.have.lengthOf(1);
      expect(result.stderr).to.match(/process 1 on \S+ differs from process 0\nrows of the data: /);
    });

    it('where there are more than rows in a step', async () => {
      const result = await run('many', '--processes', '3', '--set', 'train.gradientAccumulationSteps=2');
      expect(result.status).to.equal(2);
      expect(errors(result)).to.deep.equal(['evolve: 3 processes are more than the 2 rows of a step']);
    });

    it('where the number is none', async () => {
      const result = await run('none', '--processes', '0');
      expect(result.status).to.equal(2);
      expect(result.stderr).to.include('--processes').and.to.include('Expected a whole number from 1.');
    });

    it('where there is no mpirun, or no mpicc, with the package that brings it', async () => {
      const args = ['run', config, '--output', folder.join('without'), '--processes', '2'];
      const noRun = await evolve(args, { env: { EVOLVE_MPIRUN: '/nowhere/mpirun' } });
      expect(noRun.status).to.equal(2);
      expect(noRun.stderr).to.include('/nowhere/mpirun').and.to.include('apt-get install openmpi-bin');
      const noCompiler = await evolve(args, { env: { EVOLVE_MPICC: '/nowhere/mpicc' } });
      expect(noCompiler.status).to.equal(2);
      expect(errors(noCompiler), noCompiler.stderr).to.have.lengthOf(1);
      expect(noCompiler.stderr).to.include('/nowhere/mpicc').and.to.include('apt-get install libopenmpi-dev');
    });

    it('where MPI has started them already', async () => {
      const args = [process.execPath, cliOf(), 'run', config, '--processes', '2'];
      const result = await execute(mpirun, [...mpirunArguments(2), ...args]);
      expect(errors(result)).to.deep.equal(['evolve: --processes 2: MPI has started 2 processes already']);
    });
  });
});
