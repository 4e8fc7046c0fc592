import { createHash } from 'node:crypto';

/** Texts that were seen, by 53 bits of their hash: 16 bytes a text at most, where a Set would take ten times as much. */
export class Seen {
  #slots = new Float64Array(1 << 12).fill(Number.NaN);
  #size = 0;

  /** Adds a text; returns whether it is new. Two texts of millions are taken for one with a chance below one in a hundred. */
  add(text: string): boolean {
    const hash = hashOf(text);
    const slot = this.#slotOf(hash, this.#slots);
    if (this.#slots[slot] === hash) return false;
    this.#slots[slot] = hash;
    if (++this.#size * 2 > this.#slots.length) this.#grow();
    return true;
  }

  has(text: string): boolean {
    const hash = hashOf(text);
    return this.#slots[this.#slotOf(hash, this.#slots)] === hash;
  }

  /** Where it is, or the free place where it belongs. */
  #slotOf(hash: number, slots: Float64Array): number {
    let slot = hash % slots.length;
    while (!Number.isNaN(slots[slot]) && slots[slot] !== hash) slot = (slot + 1) % slots.length;
    return slot;
  }

  #grow(): void {
    const larger = new Float64Array(this.#slots.length * 2).fill(Number.NaN);
    for (const hash of this.#slots) if (!Number.isNaN(hash)) larger[this.#slotOf(hash, larger)] = hash;
    this.#slots = larger;
  }
}

function hashOf(text: string): number {
  return Number(createHash('sha1').update(text).digest().readBigUInt64BE() >> 11n);
}
