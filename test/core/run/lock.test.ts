import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { unlock } from '../../../core/base/lock.js';
import { lock, refuseIfLocked } from '../../../core/run/lock.js';
import { evolve } from '../../support/cli.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { begin } from '../../support/processes.js';
import { EIGHT_ROWS, readJson } from '../../support/runs.js';
import { skip } from '../../support/skip.js';

describe('the lock of an output folder', () => {
  let folder: TemporaryFolder;
  let output: string;
  beforeEach(() => {
    folder = new TemporaryFolder();
    output = folder.join('runs', 'my');
  });
  afterEach(() => folder.remove());

  const lockOf = (content: object) => folder.write('runs/my/run.lock', JSON.stringify(content));

  it('is taken once, and again when it was given back', async () => {
    await lock(output);
    await expectError(
      () => lock(output),
      'OUTPUT_FOLDER',
      `another run writes there (process ${process.pid})`,
    );
    expect(() => refuseIfLocked(output)).to.throw(`process ${process.pid}`);
    await unlock(output);
    refuseIfLocked(output);
    await lock(output);
  });

  it('is taken by one of many at a time', async () => {
    lockOf({ pid: 2 ** 22 + 1, host: hostname() });
    const taken = await Promise.allSettled(Array.from({ length: 8 }, () => lock(output)));
    expect(taken.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
  });

  it('is taken over from a process that is no more', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => child.on('close', resolve));
    lockOf({ pid: child.pid, host: hostname() });
    refuseIfLocked(output);
    await lock(output);
    expect(readJson(output, 'run.lock').pid).to.equal(process.pid);
  });

  it('is taken over from a process that was killed, and whose parent does not ask how it ended', async function () {
    if (!existsSync('/proc/self/stat'))
      skip(this, 'this system has no /proc, where such a process could be told');
    const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60']);
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(line.toString());
      lockOf({ pid, host: hostname() });
      expect(() => refuseIfLocked(output)).to.throw(`process ${pid}`);
      // A shell that is still one asks how its children ended.
      while (readFileSync(`/proc/${parent.pid}/comm`, 'utf8') !== 'sleep\n') await setTimeout(5);
      process.kill(pid, 'SIGKILL');
      const state = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1][0];
      while (state() !== 'Z') await setTimeout(5);
      await lock(output);
      expect(readJson(output, 'run.lock').pid).to.equal(process.pid);
    } finally {
      parent.kill('SIGKILL');
    }
  });

  it('is taken over from an earlier process of the same number', async function () {
    if (!existsSync('/proc/self/stat'))
      skip(this, 'this system has no /proc, which says when a process began');
    lockOf({ pid: process.pid, host: hostname(), began: '1' });
    await lock(output);
    expect(readJson(output, 'run.lock').began).to.not.equal('1');
  });

  it('is taken over where it is half-written', async () => {
    folder.write('runs/my/run.lock', '{"pi');
    await lock(output);
    expect(readJson(output, 'run.lock').pid).to.equal(process.pid);
  });

  it('of another machine holds, and says which file to remove', async () => {
    lockOf({ pid: 1, host: 'elsewhere' });
    await expectError(() => lock(output), 'OUTPUT_FOLDER', '(process 1 on elsewhere)', 'remove', 'run.lock');
  });

  it('refuses a second run, which leaves the first alone', async () => {
    folder.write('rows.json', EIGHT_ROWS);
    const train = 'warmupSteps: 0, perDeviceBatchSize: 1, gradientAccumulationSteps: 1, maxSteps: 5000';
    folder.write(
      'my.yaml',
      `model: { path: ${fixture('llama')} }
data: { sources: [{ path: rows.json, format: alpaca }], cutoffLength: 256, validationSize: 2 }
train: { ${train} }
device: portable
`,
    );
    const first = begin(['run', 'my.yaml'], { cwd: folder.path });
    await first.until('step    2/5000');
    const second = await evolve(['run', 'my.yaml'], { cwd: folder.path });
    expect(second.stderr).to.include(`runs/my: another run writes there (process ${first.child.pid})`);
    expect(second.status).to.equal(2);
    first.child.kill('SIGKILL');
    await first.end();
    expect(readFileSync(path.join(output, 'metrics.jsonl'), 'utf8')).to.include('"step":2');
    expect(existsSync(`${output}.1`)).to.equal(false);
    const third = await evolve(['run', 'my.yaml', '--set', 'train.maxSteps=2'], { cwd: folder.path });
    expect(third.status, third.stderr).to.equal(0);
    expect(existsSync(path.join(`${output}.1`, 'run.lock'))).to.equal(false);
  });
});
