/**
 * Random numbers that repeat: every random choice of a run comes from a stream with a name of its own, derived
 * from the run's seed, so that adding a choice in one place changes none in another. A stream's state is four
 * 32-bit words that can be saved and set again.
 *
 *     const random = new RandomStreams(42).stream('shuffle');
 *     random.permutation(rows.length);
 */

/** FNV-1a of a text, mixed; 32 bits. */
function hashText(text: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix(hash);
}

/** The finalizer of MurmurHash3: every input bit changes every output bit with probability one half. */
export function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** A 32-bit seed for one use of a name: the same arguments, the same seed. */
export function deriveSeed(seed: number, name: string, ...counters: number[]): number {
  return counters.reduce((hash, counter) => mix(hash ^ mix(counter + 0x9e3779b9)), hashText(name, mix(seed)));
}

/** The generator sfc32 (Chris Doty-Humphrey's PractRand): 128 bits of state, a period of at least 2^32. */
export class Random {
  state: [number, number, number, number];

  constructor(seed: number) {
    this.state = [mix(seed), mix(seed ^ 0x9e3779b9), mix(seed ^ 0x243f6a88), 1];
    for (let i = 0; i < 12; i++) this.nextInteger();
  }

  /** Uniform in 0 … 2^32 − 1. */
  nextInteger(): number {
    const [a, b, c, counter] = this.state;
    const sum = (a + b + counter) | 0;
    this.state = [b ^ (b >>> 9), (c + (c << 3)) | 0, (((c << 21) | (c >>> 11)) + sum) | 0, (counter + 1) | 0];
    return sum >>> 0;
  }

  /** Uniform in [0, 1), with 32 bits. */
  next(): number {
    return this.nextInteger() / 2 ** 32;
  }

  /** Uniform in low … high, `size` numbers; rounded to fp32 one may be `high` itself. */
  uniform(size: number, low: number, high: number): Float32Array {
    return Float32Array.from({ length: size }, () => low + (high - low) * this.next());
  }

  /** Normal with mean 0 and this standard deviation, `size` numbers (Box–Muller). */
  normal(size: number, deviation: number): Float32Array {
    const values = new Float32Array(size);
    this.fillNormal(values, deviation);
    return values;
  }

  /** Fills an array with such numbers. Several calls draw what one call would, if each but the last has an even size. */
  fillNormal(values: Float32Array, deviation: number): void {
    for (let i = 0; i < values.length; i += 2) {
      const radius = deviation * Math.sqrt(-2 * Math.log(1 - this.next()));
      const angle = 2 * Math.PI * this.next();
      values[i] = radius * Math.cos(angle);
      // Beyond the end of an odd size this does nothing.
      values[i + 1] = radius * Math.sin(angle);
    }
  }

  /** The numbers 0 … size − 1 in random order (Fisher–Yates). */
  permutation(size: number): Int32Array {
    const order = Int32Array.from({ length: size }, (_, i) => i);
    for (let i = size - 1; i > 0; i--) {
      const j = Math.floor(this.next() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }
}

/** The streams of a run, made on first use. */
export class RandomStreams {
  readonly #streams = new Map<string, Random>();

  constructor(readonly seed: number) {}

  stream(name: string): Random {
    let stream = this.#streams.get(name);
    if (!stream) {
      stream = new Random(deriveSeed(this.seed, name));
      this.#streams.set(name, stream);
    }
    return stream;
  }
}
