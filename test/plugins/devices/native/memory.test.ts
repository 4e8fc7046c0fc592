import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { ArrayPool } from '../../../../plugins/devices/native/memory.js';
import { execute } from '../../../support/cli.js';
import { expectError } from '../../../support/errors.js';
import { ROOT } from '../../../support/files.js';
import { collectGarbage } from '../../../support/garbage.js';
import type { Attempt, Outcome } from '../../../support/limited-memory.js';
import { describeNative } from '../../../support/native.js';
import { skip } from '../../../support/skip.js';

/** In numbers; a pool keeps arrays of 1,024 and more. */
const LARGE = 100_000;

describe("the native device's pool of arrays", () => {
  let pool: ArrayPool;

  beforeEach(() => {
    pool = new ArrayPool();
  });

  it('has arrays of any size', () => {
    for (const size of [0, 1, 1023, 1024, 1025, LARGE]) expect(pool.take(size)).to.have.lengthOf(size);
  });

  it('gives a buffer again, for as much or for at least half of it', () => {
    const { buffer } = pool.take(LARGE);
    for (const size of [LARGE, LARGE - 100, LARGE / 2 + 5000]) {
      pool.give(new Float32Array(buffer, 0, LARGE));
      const again = pool.take(size);
      expect(again.buffer, `${size}`).to.equal(buffer);
      expect(again).to.have.lengthOf(size);
    }
  });

  it('gives none for more than it has, or for far less', () => {
    const { buffer } = pool.take(LARGE);
    pool.give(new Float32Array(buffer));
    for (const size of [2 * LARGE, LARGE / 4, 1000]) expect(pool.take(size).buffer).to.not.equal(buffer);
  });

  it('gives no buffer twice at a time', () => {
    const arrays = Array.from({ length: 5 }, () => pool.take(LARGE));
    for (const array of arrays) pool.give(array);
    const buffers = new Set(Array.from({ length: 5 }, () => pool.take(LARGE).buffer));
    expect(buffers.size).to.equal(5);
    for (const { buffer } of arrays) expect(buffers.has(buffer)).to.equal(true);
  });

  it('gives none that is forgotten', () => {
    const array = pool.take(LARGE);
    pool.forget(array);
    expect(pool.take(LARGE).buffer).to.not.equal(array.buffer);
  });

  it('lets go of what is not asked for any more: it holds a quarter more than was ever in use at most', () => {
    // Buffers are freed by and by: what other tests left would be counted before and not after.
    const held = () => {
      for (let bytes = Number.POSITIVE_INFINITY; ; ) {
        collectGarbage();
        const { arrayBuffers } = process.memoryUsage();
        if (arrayBuffers >= bytes) return bytes;
        bytes = arrayBuffers;
      }
    };
    const before = held();
    const bytes = 4 * 2 ** 20;
    // Each size is too small or too large for the buffers of the others.
    for (const factor of [1, 4, 0.3, 2.5, 0.5, 3.5, 1.7]) pool.give(pool.take((factor * bytes) / 4));
    expect(held() - before).to.be.below(1.25 * 4 * 1.25 * bytes);
    expect(held() - before).to.be.above(bytes);
  });

  it('says how much was asked for, and what lowers the need, where there is not that much', () =>
    expectError(
      () => pool.take(2 ** 42),
      'OUT_OF_MEMORY',
      'memory ran out: 16777216 MiB for a tensor',
      /of \d+ MiB that are free/,
      'train.perDeviceBatchSize',
      'train.gradientCheckpointing',
      'quantizer: int8',
    ));

  it('goes on after that', () => {
    expect(() => pool.take(2 ** 42)).to.throw();
    expect(pool.take(LARGE)).to.have.lengthOf(LARGE);
  });
});

describeNative('memory that the native device cannot have', () => {
  before(function () {
    if (existsSync('/usr/bin/prlimit')) return;
    skip(this, 'there is no prlimit here, which limits a process');
  });

  /** What comes of it in a process that may have no more than 100 MiB more. */
  async function attempt(what: Attempt): Promise<Outcome> {
    const program = path.join(ROOT, '.build', 'test', 'support', 'limited-memory.js');
    const { status, stdout, stderr } = await execute(process.execPath, [program, what]);
    expect(status, stderr).to.equal(0);
    return JSON.parse(stdout) as Outcome;
  }

  for (const [what, user] of [
    ['kernel', /memory ran out: \d{3} MiB for the kernel linear, of \d+ MiB that are free/],
    ['tensor', /memory ran out: 16\d MiB for a tensor, of \d+ MiB that are free/],
  ] as const) {
    it(`for a ${what}: says how much, and what lowers the need, and goes on`, async () => {
      const { code, message, advice, works } = await attempt(what);
      expect(code).to.equal('OUT_OF_MEMORY');
      expect(message).to.match(user);
      expect(advice).to.include('train.perDeviceBatchSize');
      expect(works).to.equal(true);
    });
  }

  it('for threads: says how many there can be, and goes on', async () => {
    const { code, message, advice, works } = await attempt('threads');
    expect(code).to.equal('DEVICE_UNKNOWN');
    expect(message).to.match(/only \d+ of 1000 threads could be started/);
    expect(advice).to.include('device.threads');
    expect(works).to.equal(true);
  });
});
