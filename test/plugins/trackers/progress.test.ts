import path from 'node:path';
import { expect } from 'chai';
import type { DownloadEvent } from '../../../core/index.js';
import {
  describeEnd,
  describeEval,
  describeStart,
  describeStep,
} from '../../../plugins/trackers/progress/format.js';
import { compose } from '../../support/compose.js';
import { EVAL, NOTICE, RESULT, SAVE, START, STEP } from '../../support/sample-events.js';
import { captureStdout } from '../../support/stdout.js';

describe('what progress prints of', () => {
  it('the start', () => {
    expect(describeStart(START)).to.equal(
      'llama: 3,000,000 parameters, 12,345 (0.41 %) trainable\ndata: 1,234 rows, 60 held out; none cut; 200 optimizer steps',
    );
    const cut = { ...START, cutRows: 1200, cutTokens: 34_000, rowsWithoutEnd: 1199 };
    expect(describeStart(cut)).to.include(
      '60 held out; 1,200 cut, by 34,000 tokens, 1,199 of them before the end token; 200',
    );
    expect(describeStart({ ...START, trainRows: 1, steps: 1 })).to.match(
      /1 row, 60 held out; none cut; 1 optimizer step$/,
    );
    expect(describeStart({ ...START, validationRows: 0 })).to.not.include('held out');
    expect(describeStart({ ...START, trainableParameters: START.parameters })).to.include('(100 %)');
    expect(describeStart({ ...START, packedRows: 310 })).to.include(
      '1,234 rows packed into 310, 60 held out;',
    );
  });

  it('a step, the numbers under each other', () => {
    expect(describeStep(STEP, 200, 75)).to.equal(
      'step   7/200  loss 1.2346  lr 3.00e-4  grad norm 0.988  1235 tokens/s  512 MiB  1:15 left',
    );
    expect(describeStep({ ...STEP, step: 200 }, 200, 0)).to.match(/^step 200\/200 {2}/);
  });

  it('an evaluation', () => {
    expect(describeEval(EVAL)).to.equal('step 7  held-out loss 2.5000');
    expect(describeEval({ ...EVAL, step: 0 })).to.equal('before training  held-out loss 2.5000');
  });

  it('losses, as means of the first and the last tenth: single steps are noisy', () => {
    const losses = [4, 2, ...Array(16).fill(9), 1, 2];
    const end = describeEnd(RESULT, { saved: '/x/model', losses });
    expect(end).to.include('loss 3.0000 -> 1.5000 (means of the first and the last tenth)');
  });

  it('the end, with what to do next', () => {
    const output = path.resolve('runs', 'x');
    expect(
      describeEnd({ ...RESULT, output }, { saved: path.join(output, 'adapter'), losses: [2.5, 1.25] }),
    ).to.equal(
      '1,200 steps in 1:15: loss 2.5000 -> 1.2500\n' +
        'held-out loss 3.0000 before training -> 1.5000\n' +
        'peak memory: 512 MiB\n' +
        `adapter: ${path.join('runs', 'x', 'adapter')} (step 1200)\n` +
        `try it: npx evolving-alpaca generate --run ${path.join('runs', 'x')} --instruction "…"`,
    );
    expect(describeEnd({ ...RESULT, evalLoss: null }, { saved: '/x/model', losses: [1] })).to.not.include(
      'held-out',
    );
  });

  it("what a run took of a device's own memory, and what the device has no kernels for", () => {
    const [mebibyte, facts] = [2 ** 20, { saved: '/x/model', losses: [1] }];
    expect(describeStep({ ...STEP, peakDeviceMemory: 1234.5 * mebibyte }, 200, 75)).to.include(
      '  1235 tokens/s  1,235 MiB  1:15 left',
    );
    const device = { name: 'cuda', backend: 'cuda', description: 'a card', requested: 'auto' };
    const ended = { ...RESULT, device, peakDeviceMemory: 3 * mebibyte, fallbacks: {} };
    expect(describeEnd(ended, facts)).to.include('\npeak memory: 512 MiB, 3 MiB on the device\nmodel: ');
    const names = ['Cumsum', 'Tile', 'Pack', 'OneHot', 'Sum', 'Max'];
    const fallbacks = Object.fromEntries(names.map((name, i) => [name, { calls: 1000 + i, bytes: 10 ** i }]));
    expect(describeEnd({ ...ended, fallbacks }, facts)).to.include(
      '\ncomputed on the CPU, as cuda has no such kernel: Max 1,005 times, Sum 1,004 times, OneHot 1,003 times, Pack 1,002 times, 2 others; 111.1 kB were fetched for it\n',
    );
  });

  it('the end of a run that went on: since when, and what is there if no step was left', () => {
    const resumed = { ...RESULT, resumedFrom: 600 };
    expect(describeEnd(resumed, { saved: '/runs/a/adapter', losses: [2, 1] })).to.include(
      '600 of 1,200 steps in 1:15: loss 2.0000 -> 1.0000 since step 600',
    );
    const none = describeEnd(
      { ...resumed, firstLoss: 3, lastLoss: 1.5 },
      { saved: '/runs/a/adapter', losses: [] },
    );
    expect(none).to.include('loss 3.0000 -> 1.5000').and.to.not.include('NaN');
    expect(describeEnd({ ...resumed, savedStep: 40 }, { saved: '', losses: [] })).to.include(
      'nothing was saved further; what is there is of step 40',
    );
  });

  it('an end that was none', () => {
    for (const status of ['failed', 'interrupted'] as const) {
      expect(describeEnd({ ...RESULT, status }, { saved: '', losses: [] })).to.equal(
        `${status} after 1,200 steps in 1:15`,
      );
    }
  });
});

describe('the tracker progress', () => {
  it('prints plain lines where standard output is no terminal', async () => {
    const { hooks } = await compose({}, { trackers: ['progress'] });
    const text = await captureStdout(async () => {
      for (const event of [NOTICE, START, STEP, EVAL, SAVE]) hooks.log.call(event);
      await hooks.done.promise(RESULT);
    });
    const lines = text.trimEnd().split('\n');
    expect(lines[0]).to.equal('one line');
    expect(lines.slice(1, 3).join('\n')).to.equal(describeStart(START));
    expect(lines[3]).to.match(/^step {3}7\/200 {2}loss 1\.2346 .* left$/);
    expect(lines[4]).to.equal(describeEval(EVAL));
    expect(lines.slice(5).join('\n')).to.equal(
      describeEnd(RESULT, { saved: SAVE.path, losses: [STEP.loss] }),
    );
    // No cursor movement in a file.
    expect(text).to.not.include('\u001b');
  });

  it('prints a line for every tenth of a download', async () => {
    const { hooks } = await compose({}, { trackers: ['progress'] });
    const tell = (bytes: number, status: DownloadEvent['status'] = 'running') =>
      hooks.log.call({ type: 'download', name: 'owner/name', files: 5, bytes, totalBytes: 2e6, status });
    const text = await captureStdout(() => {
      for (const bytes of [1000, 100_000, 210_000, 250_000, 1_999_999, 2e6]) tell(bytes);
      tell(2e6, 'completed');
      // Another one begins anew, and fails.
      tell(0);
      tell(1000, 'failed');
    });
    const lines = text.trimEnd().split('\n');
    expect(lines[0]).to.equal('downloading owner/name: 5 files, 2.0 MB, of which 1.0 kB are here');
    expect(lines[1]).to.match(/^owner\/name: 10 % of 2\.0 MB, [\d.]+ \w?B\/s, \d+:\d\d left$/);
    expect(lines.slice(2, 4).map((line) => line.split(' of ')[0])).to.deep.equal([
      'owner/name: 90 %',
      'owner/name: 100 %',
    ]);
    expect(lines[4]).to.match(/^downloaded owner\/name in 0:00, [\d.]+ \w?B\/s$/);
    expect(lines.slice(5)).to.deep.equal(['downloading owner/name: 5 files, 2.0 MB']);
  });

  it('draws a bar of a download on a terminal, with how much, how fast, how long and what', async () => {
    const name = 'owner/name-of-some-length';
    const draw = (columns: number) =>
      captureStdout(async () => {
        const { hooks } = await compose({}, { trackers: ['progress'] });
        const tell = (bytes: number, status: DownloadEvent['status'] = 'running') =>
          hooks.log.call({ type: 'download', name, files: 5, bytes, totalBytes: 999.9e6, status });
        tell(100e6);
        hooks.log.call(NOTICE);
        tell(999.9e6);
        tell(999.9e6, 'completed');
      }, columns);
    const bar = /^.*100%.*$/m;
    const wide = await draw(120);
    const line =
      /\u2588{20} 100% {2}999\.9 MB of 999\.9 MB {2}[\d.]+ \w?B\/s {2}0:00 left {2}owner\/name-of-some-length/;
    expect(wide.match(bar)?.[0]).to.match(line);
    expect(wide).to.match(/^downloading owner\/name-of-some-length: 5 files/);
    expect(wide).to.match(/^downloaded owner\/name-of-some-length in 0:00, /m);
    expect(wide).to.include('one line\n');
    expect((await draw(80)).match(bar)?.[0]).to.match(/0:00 left {2}owner/);
  });

  it('draws a bar of the steps on a terminal, and prints the rest above it', async () => {
    const text = await captureStdout(async () => {
      const { hooks } = await compose({}, { trackers: ['progress'] });
      for (const event of [NOTICE, START, STEP, EVAL, SAVE]) hooks.log.call(event);
      await hooks.done.promise(RESULT);
    }, 120);
    expect(text).to.match(
      /3% {2}7\/200 {2}loss 1\.2346 {2}lr 3\.0e-4 {2}1235 tok\/s {2}512 MiB {2}0:00 {2}[\d:]+ left/,
    );
    for (const told of [
      'one line',
      describeStart(START),
      describeEval(EVAL),
      describeEnd(RESULT, { saved: SAVE.path, losses: [STEP.loss] }),
    ]) {
      expect(text).to.include(`${told}\n`);
    }
  });

  it('leaves a line of every tenth of the steps above the bar', async () => {
    const text = await captureStdout(async () => {
      const { hooks } = await compose({}, { trackers: ['progress'] });
      hooks.log.call({ ...START, steps: 200 });
      for (let step = 1; step <= 200; step++) hooks.log.call({ ...STEP, step });
      await hooks.done.promise(RESULT);
    }, 80);
    const told = [...text.matchAll(/step +(\d+)\/200 {2}loss/g)].map(([, step]) => Number(step));
    expect(told).to.deep.equal([20, 40, 60, 80, 100, 120, 140, 160, 180, 200]);
  });

  it('changes nothing about the terminal that somebody would have to set right after Ctrl-Z', async () => {
    const text = await captureStdout(async () => {
      const { hooks } = await compose({}, { trackers: ['progress'] });
      for (const event of [START, STEP, EVAL]) hooks.log.call(event);
      await hooks.done.promise(RESULT);
    }, 80);
    // Private modes: the cursor, the wrapping of lines.
    expect(text).to.not.include('\u001b[?');
  });

  it('prints plain lines on a terminal that can do no more', async () => {
    const before = process.env.TERM;
    process.env.TERM = 'dumb';
    try {
      const text = await captureStdout(async () => {
        const { hooks } = await compose({}, { trackers: ['progress'] });
        for (const event of [START, STEP, EVAL]) hooks.log.call(event);
        await hooks.done.promise(RESULT);
      }, 80);
      for (const mark of ['\u001b', '\r']) expect(text).to.not.include(mark);
      expect(text).to.match(/^step {3}7\/200 {2}loss 1\.2346 .* left$/m);
    } finally {
      if (before === undefined) delete process.env.TERM;
      else process.env.TERM = before;
    }
  });

  it('tells of reading, encoding and evaluating on a terminal, and leaves nothing of it there', async () => {
    const text = await captureStdout(async () => {
      const { hooks } = await compose({}, { trackers: ['progress'] });
      hooks.log.call({ type: 'progress', task: 'reading', done: 5000 });
      hooks.log.call({ type: 'progress', task: 'reading', done: 9000, total: 9000 });
      hooks.log.call({ type: 'progress', task: 'encoding', done: 4500, total: 9000 });
      hooks.log.call({ type: 'progress', task: 'encoding', done: 9000, total: 9000 });
      hooks.log.call(START);
      hooks.log.call({ type: 'progress', task: 'evaluating', done: 15, total: 60 });
      await hooks.done.promise(RESULT);
    }, 80);
    expect(text).to.include('reading data  5,000 records');
    expect(text).to.match(/encoding {2}50% {2}4,500 of 9,000 {2}0:00 left/);
    expect(text).to.match(/evaluating {2}25% {2}15 of 60 {2}0:00 left/);
  });

  it('writes out control characters', async () => {
    const { hooks } = await compose({}, { trackers: ['progress'] });
    const text = await captureStdout(() => hooks.log.call({ type: 'notice', message: 'a\u001b[2Jb' }));
    expect(text).to.equal('a\\x1b[2Jb\n');
  });

  it('says nothing of the end of a run that did not begin', async () => {
    const { hooks } = await compose({}, { trackers: ['progress'] });
    const result = { ...RESULT, status: 'failed', steps: 0 } as const;
    expect(await captureStdout(() => hooks.done.promise(result))).to.equal('');
  });
});
