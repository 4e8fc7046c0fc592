import { expect } from 'chai';
import { deriveSeed, mix, Random, RandomStreams } from '../../../core/base/random.js';

const take = (random: Random, count: number) => Array.from({ length: count }, () => random.nextInteger());

describe('mix', () => {
  it("is MurmurHash3's finalizer", () => {
    // fmix32 of 0, 1 and 2^32 − 1 as published implementations have it.
    expect([0, 1, 0xffffffff].map(mix)).to.deep.equal([0, 0x514e28b7, 0x81f16f39]);
  });

  it('changes half of the output bits with one bit of the input', () => {
    let changed = 0;
    for (let value = 0; value < 64; value++) {
      for (let bit = 0; bit < 32; bit++) {
        const difference = (mix(value) ^ mix(value ^ (1 << bit))) >>> 0;
        changed += difference.toString(2).replaceAll('0', '').length;
      }
    }
    expect(changed / (64 * 32)).to.be.closeTo(16, 0.5);
  });
});

describe('deriveSeed', () => {
  it('stays what it was: earlier runs repeat', () => {
    // Regression values: another number here means that no run repeats an earlier version's.
    expect(deriveSeed(42, 'shuffle')).to.equal(0xbb180fdc);
    expect(deriveSeed(42, 'pass', 3, 1)).to.equal(0x0a94d544);
    expect(deriveSeed(0, '')).to.equal(0xab3e7c0b);
  });

  it('differs by seed, name, counters and their order', () => {
    const seeds = [
      deriveSeed(1, 'a'),
      deriveSeed(2, 'a'),
      deriveSeed(1, 'b'),
      deriveSeed(1, 'a', 0),
      deriveSeed(1, 'a', 1),
      deriveSeed(1, 'a', 0, 1),
      deriveSeed(1, 'a', 1, 0),
    ];
    expect(new Set(seeds).size).to.equal(seeds.length);
  });
});

describe('Random', () => {
  it('stays what it was: earlier runs repeat', () => {
    expect(take(new Random(42), 4)).to.deep.equal([0x074aedec, 0x75231df7, 0xdc9f1ad0, 0xecda154e]);
  });

  it('draws normal numbers, of an odd size too', () => {
    const numbers = new Random(3).normal(10001, 2);
    expect(numbers).to.have.lengthOf(10001);
    const mean = numbers.reduce((a, b) => a + b) / 10001;
    expect(mean).to.be.closeTo(0, 0.08);
    expect(Math.sqrt(numbers.reduce((a, b) => a + b * b, 0) / 10001)).to.be.closeTo(2, 0.06);
    expect(numbers.filter((number) => Math.abs(number) > 4).length / 10001).to.be.closeTo(0.0455, 0.007);
  });

  it('is sfc32', () => {
    const random = new Random(7);
    let [a, b, c, d] = random.state;
    const expected = Array.from({ length: 100 }, () => {
      const t = (((a + b) | 0) + d) | 0;
      d = (d + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (c << 21) | (c >>> 11);
      c = (c + t) | 0;
      return t >>> 0;
    });
    expect(take(random, 100)).to.deep.equal(expected);
  });

  it('repeats by seed, and differs between neighbouring seeds', () => {
    expect(take(new Random(5), 20)).to.deep.equal(take(new Random(5), 20));
    expect(take(new Random(5), 20)).not.to.deep.equal(take(new Random(6), 20));
  });

  it('goes on from a saved state', () => {
    const random = new Random(5);
    take(random, 3);
    const saved = structuredClone(random.state);
    const next = take(random, 5);
    const other = new Random(99);
    other.state = saved;
    expect(take(other, 5)).to.deep.equal(next);
  });

  it('draws uniformly from its bounds', () => {
    const numbers = new Random(1).uniform(20_000, -2, 6);
    for (const number of numbers) expect(number).to.be.within(-2, 6);
    const quarters = [0, 0, 0, 0];
    for (const number of numbers) quarters[Math.floor((number + 2) / 2)]++;
    // Five standard deviations of a binomial distribution: sqrt(20000 · ¼ · ¾) is 61.
    for (const count of quarters) expect(count).to.be.closeTo(5000, 306);
  });

  it('keeps within its bounds at the ends of its range', () => {
    const random = new Random(0);
    // sfc32 puts out a + b + counter: states whose next numbers are 2^32 − 1 and 0.
    random.state = [-1, 0, 0, 0];
    expect(random.next()).to.be.below(1);
    random.state = [-1, 0, 0, 0];
    expect(random.uniform(1, -1, 1)[0]).to.be.at.most(1);
    random.state = [0, 0, 0, 0];
    expect(random.uniform(1, -1, 1)[0]).to.equal(-1);
  });

  for (const size of [0, 1, 2, 100]) {
    it(`permutes ${size} numbers`, () => {
      const sorted = [...new Random(3).permutation(size)].sort((a, b) => a - b);
      expect(sorted).to.deep.equal(Array.from({ length: size }, (_, i) => i));
    });
  }

  it('gives every order the same chance', () => {
    const random = new Random(4);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = random.permutation(3).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).to.equal(6);
    // Five standard deviations: sqrt(6000 · ⅙ · ⅚) is 29.
    for (const count of counts.values()) expect(count).to.be.closeTo(1000, 145);
  });
});

describe('RandomStreams', () => {
  it('keeps one stream by name', () => {
    const streams = new RandomStreams(42);
    expect(streams.stream('a')).to.equal(streams.stream('a'));
    expect(streams.stream('a')).not.to.equal(streams.stream('b'));
  });

  it('repeats by seed; names and seeds differ', () => {
    const first = (seed: number, name: string) => new RandomStreams(seed).stream(name).nextInteger();
    expect(first(1, 'a')).to.equal(first(1, 'a'));
    expect(new Set([first(1, 'a'), first(1, 'b'), first(2, 'a')]).size).to.equal(3);
  });

  it('does not let one stream disturb another', () => {
    const [quiet, busy] = [new RandomStreams(1), new RandomStreams(1)];
    take(busy.stream('other'), 10);
    expect(take(busy.stream('mine'), 5)).to.deep.equal(take(quiet.stream('mine'), 5));
  });
});
