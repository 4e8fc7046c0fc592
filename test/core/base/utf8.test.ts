import { expect } from 'chai';
import { utf8Fault } from '../../../core/base/utf8.js';

describe('utf8Fault', () => {
  it('finds nothing in UTF-8, whatever the characters', () => {
    for (const text of ['', 'plain', 'é, 中文, 😀\n\u2028\ufffd\u0000']) {
      expect(utf8Fault(Buffer.from(text))).to.equal(undefined);
    }
  });

  it('names the line, the byte, and what stands before it', () => {
    const places: [bytes: Buffer, fault: string][] = [
      [Buffer.from('one\ntwo\ncafé au lait\n', 'latin1'), 'line 3: byte 0xe9 after "caf" is no UTF-8'],
      [Buffer.from('é', 'latin1'), 'line 1: byte 0xe9 at the beginning is no UTF-8'],
      // GBK's 中文, after characters of one to four bytes.
      [
        Buffer.concat([Buffer.from('aé中😀'), Buffer.from([0xd6, 0xd0, 0xce, 0xc4])]),
        'line 1: byte 0xd6 after "aé中😀" is no UTF-8',
      ],
      // A character that the end of the file cuts off.
      [Buffer.from('a\n中').subarray(0, 4), 'line 2: byte 0xe4 at the beginning is no UTF-8'],
    ];
    for (const [bytes, fault] of places) expect(utf8Fault(bytes)).to.equal(fault);
    expect(utf8Fault(Buffer.from([0xff]), 17)).to.equal('line 17: byte 0xff at the beginning is no UTF-8');
  });
});
