import path from 'node:path';
import { expect } from 'chai';
import {
  describeEnd,
  describeEval,
  describeStart,
  describeStep,
  duration,
} from '../../../plugins/trackers/progress/format.js';
import { compose } from '../../support/compose.js';
import { EVAL, NOTICE, RESULT, SAVE, START, STEP } from '../../support/sample-events.js';
import { captureStdout } from '../../support/stdout.js';

describe('what progress prints of', () => {
  it('a duration', () => {
    const shown = [0, 0.4, 59.6, 75, 3599, 3600, 3675, 360000, -5].map(duration);
    const wanted = ['0:00', '0:00', '1:00', '1:15', '59:59', '1:00:00', '1:01:15', '100:00:00', '0:00'];
    expect(shown).to.deep.equal(wanted);
  });

  it('the start', () => {
    expect(describeStart(START)).to.equal(
      'llama: 3,000,000 parameters, 12,345 (0.41 %) trainable\ndata: 1,234 rows, 60 held out; 200 optimizer steps',
    );
    expect(describeStart({ ...START, validationRows: 0 })).to.not.include('held out');
    expect(describeStart({ ...START, packedRows: 310 })).to.include(
      '1,234 rows packed into 310, 60 held out;',
    );
  });

  it('a step, the numbers under each other', () => {
    expect(describeStep(STEP, 200, 75)).to.equal(
      'step   7/200  loss 1.2346  lr 3.00e-4  grad norm 0.988  1235 tokens/s  1:15 left',
    );
    expect(describeStep({ ...STEP, step: 200 }, 200, 0)).to.match(/^step 200\/200 {2}/);
  });

  it('an evaluation', () => {
    expect(describeEval(EVAL)).to.equal('step 7  held-out loss 2.5000');
  });

  it('the end, with what to do next', () => {
    const output = path.resolve('runs', 'x');
    expect(describeEnd({ ...RESULT, output }, path.join(output, 'adapter'))).to.equal(
      '1,200 steps in 1:15: loss 2.5000 -> 1.2500, held-out loss 1.5000\n' +
        'peak memory: 512 MiB\n' +
        `adapter: ${path.join('runs', 'x', 'adapter')}\n` +
        `try it: npx evolve generate --run ${path.join('runs', 'x')} --instruction "…"`,
    );
    expect(describeEnd({ ...RESULT, evalLoss: null }, '/x/model')).to.not.include('held-out');
  });

  it('an end that was none', () => {
    for (const status of ['failed', 'interrupted'] as const) {
      expect(describeEnd({ ...RESULT, status }, '')).to.equal(`${status} after 1,200 steps in 1:15`);
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
    expect(lines.slice(5).join('\n')).to.equal(describeEnd(RESULT, SAVE.path));
    // No cursor movement in a file.
    expect(text).to.not.include('\u001b');
  });

  it('says nothing of the end of a run that did not begin', async () => {
    const { hooks } = await compose({}, { trackers: ['progress'] });
    const result = { ...RESULT, status: 'failed', steps: 0 } as const;
    expect(await captureStdout(() => hooks.done.promise(result))).to.equal('');
  });
});
