import path from 'node:path';
import { expect } from 'chai';
import { runsCommand } from '../../../core/commands/runs.js';
import { TemporaryFolder } from '../../support/files.js';
import { leaveRun } from '../../support/run-folder.js';
import { evolveShared } from '../../support/shared-cli.js';
import { captureStdout } from '../../support/stdout.js';

describe('evolve runs', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
    leaveRun(folder, 'runs/late', { result: { startedAt: '2026-03-02T12:00:00.000Z', seconds: 3675 } });
    leaveRun(folder, 'runs/study/early', { steps: 40, result: { status: 'interrupted' } });
    folder.write('runs/other/config.yaml', 'a: 1');
    folder.write('runs/late/adapter/config.yaml', 'a: 1');
  });
  afterEach(() => folder.remove());

  it('lists the runs of the working folder by their time, with state and result', async () => {
    const { status, stdout, stderr } = await evolveShared(['runs'], { cwd: folder.path, env: { TZ: 'UTC' } });
    expect(stderr).to.equal('');
    expect(status).to.equal(0);
    expect(stdout).to.match(
      /^RUN {15}STATE {8}STEP {3}LOSS {3}HELD-OUT {8}STARTED {11}TOOK\nruns\/study\/early {2}interrupted {2}40\/40 {2}\d\.\d{3} {2}3\.000 -> 1\.037 {2}2026-03-01 12:00 {2}1:15\nruns\/late {9}completed {4}20\/20 {2}\d\.\d{3} {2}3\.000 -> 1\.037 {2}2026-03-02 12:00 {2}1:01:15\n$/,
    );
  });

  it('writes them as JSON lines', async () => {
    const { stdout } = await evolveShared(['runs', folder.join('runs'), '--json']);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map((line) => path.basename(line.path))).to.deep.equal(['early', 'late']);
    const { loss, baseLoss, evalLoss, ...rest } = lines[1];
    expect(loss).to.be.within(0.9, 1.2);
    expect([baseLoss, evalLoss].map((value) => value.toFixed(3))).to.deep.equal(['3.000', '1.037']);
    expect(rest).to.deep.equal({
      type: 'run',
      path: folder.join('runs', 'late'),
      state: 'completed',
      step: 20,
      steps: 20,
      startedAt: '2026-03-02T12:00:00.000Z',
      seconds: 3675,
      faults: [],
    });
  });

  it('leaves out columns on a narrow terminal, and says which', async () => {
    const shown = async (columns: number) =>
      captureStdout(() => runsCommand(folder.join('runs'), {}), columns);
    for (const columns of [200, 120, 80, 50]) {
      const lines = (await shown(columns)).trimEnd().split('\n');
      if (columns === 200) expect(lines[0]).to.include('TOOK');
      else if (columns <= 80) expect(lines.at(-1)).to.match(/^\(no room for: .*took; --json has all\)$/);
    }
  });

  it('says that there is none, or no such folder', async () => {
    const { stdout } = await evolveShared(['runs', folder.join('runs', 'other')]);
    expect(stdout).to.match(/^there is no run in .*other, 3 folders deep\n$/);
    const { status, stderr } = await evolveShared(['runs', folder.join('nowhere')]);
    expect(status).to.equal(2);
    expect(stderr).to.match(/^evolve: .*nowhere is not there\nName the folder/);
  });

  it('tells of what is damaged', async () => {
    folder.write('runs/late/run.json', '{');
    const { stdout, stderr } = await evolveShared(['runs'], { cwd: folder.path });
    expect(stderr).to.match(/^evolve: runs\/late\/run\.json cannot be read: /);
    expect(stdout).to.match(/^runs\/late .* killed /m);
  });
});
