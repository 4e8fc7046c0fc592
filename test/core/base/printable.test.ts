import { expect } from 'chai';
import { printable } from '../../../core/base/printable.js';

describe('printable', () => {
  it('writes out what would move the cursor or turn the text, and leaves all else', () => {
    const plain = 'a\tb\nc é 中文 😀 \u2028';
    expect(printable(plain)).to.equal(plain);
    expect(printable('a\u001b[2Jb\rc\u0000\u009b\u007f')).to.equal('a\\x1b[2Jb\\x0dc\\x00\\x9b\\x7f');
    expect(printable('x\u202ey\u2066')).to.equal('x\\u202ey\\u2066');
  });
});
