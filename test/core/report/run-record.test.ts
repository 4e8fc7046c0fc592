import { appendFileSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { tryLock, unlock } from '../../../core/base/lock.js';
import { readRun } from '../../../core/report/run-record.js';
import { expectError } from '../../support/errors.js';
import { TemporaryFolder } from '../../support/files.js';
import { leaveRun } from '../../support/run-folder.js';

describe('what a run’s folder tells', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  it('is its steps, its evaluations and how it ended', () => {
    const run = readRun(leaveRun(folder, 'mine', { steps: 30, plan: { steps: 30 }, samples: [{ step: 0 }] }));
    expect(run).to.deep.include({ state: 'completed', totalSteps: 30, seconds: 75, faults: [] });
    expect(run.steps.map(({ step }) => step)).to.deep.equal(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(run.evaluations).to.have.length(11);
    expect(run.startedAt.toISOString()).to.equal('2026-03-01T12:00:00.000Z');
    expect(run.plan).to.deep.equal({ steps: 30 });
    expect(run.samples).to.have.length(1);
  });

  for (const status of ['stopped', 'interrupted', 'failed'])
    it(`is that it was ${status}, and how many steps it would have had`, () => {
      const file = path.join(leaveRun(folder, 'mine', { steps: 30, result: { status } }), 'metrics.jsonl');
      const lines = readFileSync(file, 'utf8').split('\n');
      writeFileSync(file, lines.slice(0, lines.length / 3).join('\n'));
      const run = readRun(folder.join('mine'));
      expect(run).to.deep.include({ state: status, totalSteps: 30 });
      expect(run.steps.length).to.be.within(5, 15);
    });

  it('is that it goes on, whatever an earlier end says', async () => {
    const output = leaveRun(folder, 'mine');
    await tryLock(output);
    expect(readRun(output)).to.deep.include({ state: 'running', result: undefined });
    await unlock(output);
    expect(readRun(output).state).to.equal('completed');
  });

  it('is that it was killed: it left its lock, or no end', () => {
    const output = leaveRun(folder, 'mine', { result: null });
    const began = new Date('2026-03-01T10:00:00Z');
    utimesSync(path.join(output, 'config.yaml'), began, began);
    const seen = new Date('2026-03-01T11:00:00Z');
    utimesSync(path.join(output, 'metrics.jsonl'), seen, seen);
    expect(readRun(output)).to.deep.include({ state: 'killed', startedAt: began, seconds: 3600 });
    const resumed = leaveRun(folder, 'resumed', { result: { status: 'interrupted' } });
    writeFileSync(path.join(resumed, 'run.lock'), JSON.stringify({ pid: 2 ** 30, host: 'nowhere' }));
    expect(readRun(resumed).state, 'of another machine').to.equal('running');
    writeFileSync(path.join(resumed, 'run.lock'), '{"pid":');
    expect(readRun(resumed).state).to.equal('killed');
  });

  it('is read although lines and files are damaged, and each fault is told', () => {
    const output = leaveRun(folder, 'mine');
    appendFileSync(path.join(output, 'metrics.jsonl'), 'null\n{"type":"step"}\n\n{"type":"step","st');
    writeFileSync(path.join(output, 'run.json'), '{');
    writeFileSync(path.join(output, 'plan.json'), 'x');
    writeFileSync(path.join(output, 'config.yaml'), 'a: [');
    const run = readRun(output);
    expect(run.steps).to.have.length(20);
    expect(run.state).to.equal('killed');
    expect(run.config).to.deep.equal({});
    const [config, lines, others, result, plan, ...rest] = run.faults;
    expect(rest).to.deep.equal([]);
    expect(config).to.match(/config\.yaml cannot be read: /);
    expect(lines).to.match(/metrics\.jsonl: lines 32, 35 are damaged and left out$/);
    expect(others).to.match(/metrics\.jsonl: what tells of no step is left out \(1\)$/);
    expect(result).to.match(/run\.json cannot be read: /);
    expect(plan).to.match(/plan\.json cannot be read: /);
  });

  it('is told of a run that was killed before its first step', () => {
    const output = leaveRun(folder, 'mine', { result: null });
    rmSync(path.join(output, 'metrics.jsonl'));
    writeFileSync(path.join(output, 'run.lock'), '');
    expect(readRun(output)).to.deep.include({ state: 'killed', steps: [], totalSteps: undefined });
  });

  it('is refused where there is no run', async () => {
    await expectError(() => readRun(folder.join('none')), 'MODEL_UNKNOWN', 'none is not there');
    folder.write('other/config.yaml', 'a: 1');
    await expectError(() => readRun(folder.join('other')), 'MODEL_UNKNOWN', 'is no run');
  });
});
