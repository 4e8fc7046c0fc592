import { expect } from 'chai';
import type { CliResult } from '../../support/cli.js';
import { Hosts } from '../../support/hosts.js';
import { describeMpi, processOfRank } from '../../support/mpi.js';
import { ENDLESS, errorsOf, MpiRuns } from '../../support/mpi-runs.js';
import { expectClose } from '../../support/numbers.js';
import { begin, type Running } from '../../support/processes.js';

describeMpi('runs over three hosts, whose network delays and loses,', (mpi) => {
  let hosts: Hosts;
  let runs: MpiRuns;
  let common: string[];
  let env: Record<string, string>;

  before(async function () {
    hosts = await Hosts.open(this, 3, { delayMs: 20, lossPercent: 1 });
    runs = new MpiRuns(mpi);
    const file = runs.folder.write('hosts.txt', 'host0 slots=1\nhost1:1\nhost2\n');
    common = ['--processes', '3', '--hostfile', file, '--json'];
    env = {
      ...mpi.env,
      OMPI_MCA_plm_rsh_agent: hosts.agent,
      HYDRA_LAUNCHER: 'ssh',
      HYDRA_LAUNCHER_EXEC: hosts.agent,
    };
  });
  afterEach(() => hosts.connect(1));
  after(() => {
    hosts?.close();
    runs?.remove();
  });

  /** Starts a run on host0. */
  const start = (output: string, ...args: readonly string[]): Running =>
    begin(runs.argumentsOf(output, ...common, ...args), { env, through: hosts.through(0) });

  it('lose what one process loses', async () => {
    await runs.run('one');
    const { status, stdout, stderr } = await start('three').end();
    expect(status, stderr).to.equal(0);
    expect(stdout).to.include('3 processes: 1 on host0, 1 on host1, 1 on host2');
    expectClose(runs.losses('three'), runs.losses('one'), 1e-5);
    expectClose(runs.heldOutLosses('three'), runs.heldOutLosses('one'), 1e-5);
  });

  /** What the person sees: one error, which `says` what is wrong; the run can go on. */
  async function expectToEnd(running: Running, output: string, says: RegExp): Promise<void> {
    const began = performance.now();
    const result: CliResult = await running.end();
    expect(performance.now() - began).to.be.below(30_000);
    expect(result.status, result.stderr).to.equal(1);
    expect(errorsOf(result), result.stderr).to.have.lengthOf(1);
    expect(result.stderr).to.match(says);
    const lines = result.stdout.trim().split('\n');
    expect(lines.filter((line) => JSON.parse(line).type === 'error')).to.have.lengthOf(1);
    hosts.connect(1);
    const steps = `train.maxSteps=${runs.newestStep(output) + 2}`;
    const on = await start(output, '--resume', '--set', steps).end();
    expect(on.status, on.stderr).to.equal(0);
  }

  it('end where a process on another host is killed, name it and its host, and go on', async () => {
    const running = start('killed', ...ENDLESS);
    await running.until('"step":4,');
    process.kill(processOfRank(1, runs.folder.join('killed')), 'SIGKILL');
    await expectToEnd(running, 'killed', /^evolve: process 1 on host1 exited on signal 9/m);
  });

  it('end where a host is cut off, name it, and go on once it is back', async () => {
    const running = start('cut', ...ENDLESS);
    await running.until('"step":4,');
    hosts.cut(1);
    await expectToEnd(running, 'cut', /^evolve: process 1 on host1 gives no sign of life for \d+ s/m);
  });

  it('do not begin where a host does not let mpirun in', async () => {
    const file = runs.folder.write('refusing.txt', 'host0\nhost1\n');
    const args = runs.argumentsOf('refused', '--processes', '2', '--hostfile', file);
    const result = await begin(args, { env: mpi.env, through: hosts.through(0) }).end();
    expect(result.status).to.equal(1);
    expect(errorsOf(result), result.stderr).to.deep.equal([
      'evolve: a host of --hostfile is not reached: ssh: connect to host host1 port 22: Connection refused',
    ]);
  });
});
