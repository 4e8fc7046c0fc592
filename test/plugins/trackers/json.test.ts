import { expect } from 'chai';
import { compose } from '../../support/compose.js';
import { EVAL, NOTICE, RESULT, SAVE, START, STEP } from '../../support/sample-events.js';
import { captureStdout } from '../../support/stdout.js';

describe('the tracker json', () => {
  it('writes every event and the end to standard output, one JSON object a line', async () => {
    const { hooks } = await compose({}, { trackers: ['json'] });
    const events = [START, { ...NOTICE, message: 'two\nlines' }, STEP, EVAL, SAVE];
    const text = await captureStdout(async () => {
      for (const event of events) hooks.log.call(event);
      await hooks.done.promise(RESULT);
    });
    expect(text.endsWith('\n')).to.equal(true);
    const lines = text.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).to.deep.equal([...events, { type: 'done', ...RESULT }]);
  });

  it('leaves the last word on a failed run to the command line', async () => {
    const { hooks } = await compose({}, { trackers: ['json'] });
    const error = { code: 'NOT_FINITE', message: 'the loss of step 3 is NaN' };
    const text = await captureStdout(() => hooks.done.promise({ ...RESULT, status: 'failed', error }));
    expect(text).to.equal('');
  });

  it('is silent where it is not asked for', async () => {
    const { hooks } = await compose();
    expect(await captureStdout(() => hooks.log.call(STEP))).to.equal('');
  });
});
