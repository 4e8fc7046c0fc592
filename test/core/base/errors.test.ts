import { expect } from 'chai';
import { ERROR_CODES, type ErrorCode, EvolveError, messageOf } from '../../../core/base/errors.js';

describe('EvolveError', () => {
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    it(`gives ${code} an exit status`, () => {
      expect(new EvolveError(code, 'x').exitStatus).to.be.oneOf([1, 2, 130]);
    });
  }

  it('tells faulty input, a failed run and an interruption apart', () => {
    const statuses = (['CONFIG_INVALID', 'NOT_FINITE', 'INTERRUPTED'] as const).map(
      (code) => new EvolveError(code, 'x').exitStatus,
    );
    // 130 is what a shell reports of a program ended by Ctrl-C.
    expect(statuses).to.deep.equal([2, 1, 130]);
  });

  it('carries code, message, advice and cause', () => {
    const cause = new RangeError('inner');
    const error = new EvolveError('DATA_RECORD', 'outer', 'do this', { cause });
    expect(error).to.be.instanceOf(Error);
    expect(error).to.include({
      name: 'EvolveError',
      code: 'DATA_RECORD',
      message: 'outer',
      advice: 'do this',
      cause,
    });
    const bare = new EvolveError('DATA_RECORD', 'outer');
    expect(bare.advice).to.equal('');
    expect(bare).not.to.have.property('cause');
  });

  it('puts the place of the key at fault before its message, where it names one', () => {
    const locate = (at: readonly PropertyKey[]) => `run.yaml:3:5 (${at.join('.')})`;
    const error = new EvolveError('DATA_EMPTY', 'no records', 'look', { at: ['data', 'sources'] });
    const located = error.locatedBy(locate);
    expect(located.message).to.equal('run.yaml:3:5 (data.sources): no records');
    expect(located).to.include({ code: 'DATA_EMPTY', advice: 'look', cause: error });
    const placeless = new EvolveError('DATA_EMPTY', 'no records');
    expect(placeless.locatedBy(locate)).to.equal(placeless);
  });
});

describe('messageOf', () => {
  it('is the message of anything thrown', () => {
    expect(messageOf(new TypeError('boom'))).to.equal('boom');
    expect(messageOf('text')).to.equal('text');
    expect(messageOf(undefined)).to.equal('undefined');
  });
});
