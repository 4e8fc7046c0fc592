/**
 * Reads a pickle of plain data, as Python writes it with protocol 2 and later: dict, list, tuple, numbers, strings,
 * bytes, None and bool. A pickle is a program that may call anything that it can name; here names are looked up among
 * those that the caller gives, and nothing else. Format: CPython, Lib/pickletools.py.
 */

/** What a pickle may name: a constant such as a type or, with `call`, a function of the items of a tuple. */
export interface Named {
  readonly name: string;
  readonly call?: (args: readonly unknown[]) => unknown;
}

export interface PickleNames {
  /** What `module.name` stands for. Throws where the pickle may not name it. */
  find(module: string, name: string): Named;
  /** What a persistent id stands for, such as that of a storage. */
  persistent(id: unknown): unknown;
}

/** A dict; one with an order is the same. */
export type PickledDict = Map<unknown, unknown>;

/**
 * None is null, an int beyond 2^53 a bigint, a tuple an array as a list is.
 *
 * @throws Error that says what is wrong with the pickle
 */
export function unpickle(bytes: Buffer, names: PickleNames): unknown {
  return new Unpickler(bytes, names).run();
}

/** Where a container's items begin on the stack. */
const MARK = Symbol('mark');

class Unpickler {
  #at = 0;
  readonly #stack: unknown[] = [];
  readonly #memo = new Map<number, unknown>();

  constructor(
    private readonly bytes: Buffer,
    private readonly names: PickleNames,
  ) {}

  run(): unknown {
    for (;;) {
      const opcode = this.#take(1)[0];
      if (opcode === 0x2e) break;
      this.#perform(opcode);
    }
    if (this.#stack.length !== 1) throw new Error('the pickle ends with other than one object');
    return this.#stack[0];
  }

  #perform(opcode: number): void {
    const stack = this.#stack;
    const character = String.fromCharCode(opcode);
    switch (opcode < 0x80 ? character : opcode) {
      case 0x80: // PROTO
        this.#take(1);
        return;
      case 0x95: // FRAME
        this.#take(8);
        return;

      case '(':
        stack.push(MARK);
        return;
      case '0':
        this.#pop();
        return;
      case '1':
        this.#popToMark();
        return;
      case '2':
        stack.push(this.#top());
        return;

      case 'N':
        stack.push(null);
        return;
      case 0x88:
        stack.push(true);
        return;
      case 0x89:
        stack.push(false);
        return;
      case 'K':
        stack.push(this.#take(1)[0]);
        return;
      case 'M':
        stack.push(this.#take(2).readUInt16LE());
        return;
      case 'J':
        stack.push(this.#take(4).readInt32LE());
        return;
      case 0x8a: // LONG1
        stack.push(toInteger(this.#take(this.#take(1)[0])));
        return;
      case 'G':
        stack.push(this.#take(8).readDoubleBE());
        return;

      case 0x8c: // SHORT_BINUNICODE
        stack.push(this.#take(this.#take(1)[0]).toString('utf8'));
        return;
      case 'X':
        stack.push(this.#take(this.#length32()).toString('utf8'));
        return;
      case 'U': // SHORT_BINSTRING, of Python 2
        stack.push(this.#take(this.#take(1)[0]).toString('latin1'));
        return;
      case 'C':
        stack.push(this.#take(this.#take(1)[0]));
        return;
      case 'B':
        stack.push(this.#take(this.#length32()));
        return;

      case ')':
        stack.push([]);
        return;
      case 't':
        stack.push(this.#popToMark());
        return;
      case 0x85: // TUPLE1
        stack.push([this.#pop()]);
        return;
      case 0x86: {
        const second = this.#pop();
        stack.push([this.#pop(), second]);
        return;
      }
      case 0x87: {
        const third = this.#pop();
        const second = this.#pop();
        stack.push([this.#pop(), second, third]);
        return;
      }
      case ']':
        stack.push([]);
        return;
      case 'a':
        this.#append([this.#pop()]);
        return;
      case 'e':
        this.#append(this.#popToMark());
        return;
      case '}':
        stack.push(new Map());
        return;
      case 's': {
        const value = this.#pop();
        this.#setItems([this.#pop(), value]);
        return;
      }
      case 'u':
        this.#setItems(this.#popToMark());
        return;

      case 'q':
        this.#memo.set(this.#take(1)[0], this.#top());
        return;
      case 'r':
        this.#memo.set(this.#length32(), this.#top());
        return;
      case 0x94: // MEMOIZE
        this.#memo.set(this.#memo.size, this.#top());
        return;
      case 'h':
        stack.push(this.#remembered(this.#take(1)[0]));
        return;
      case 'j':
        stack.push(this.#remembered(this.#length32()));
        return;

      case 'c':
        stack.push(this.names.find(this.#line(), this.#line()));
        return;
      case 'i': // INST names and calls at once; plain data has no use for it.
        stack.push(this.names.find(this.#line(), this.#line()));
        throw unknownOpcode(opcode);
      case 0x93: {
        // STACK_GLOBAL
        const name = this.#pop();
        const module = this.#pop();
        if (typeof module !== 'string' || typeof name !== 'string')
          throw new Error('the pickle names something with what is no text');
        stack.push(this.names.find(module, name));
        return;
      }
      case 'R': {
        const args = this.#pop();
        const named = this.#pop() as Partial<Named> | null;
        if (!Array.isArray(args) || typeof named?.call !== 'function')
          throw new Error(`the pickle calls ${named?.name ?? 'what is no function'}`);
        stack.push(named.call(args));
        return;
      }
      case 'b':
        // Attributes: an OrderedDict of tensors has them, notes on the modules that it came from.
        this.#pop();
        if (!(this.#top() instanceof Map)) throw new Error('the pickle sets attributes of what is no dict');
        return;
      case 'Q':
        stack.push(this.names.persistent(this.#pop()));
        return;
      default:
        throw unknownOpcode(opcode);
    }
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.bytes.length) throw new Error('the pickle is cut off');
    const taken = this.bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #length32(): number {
    return this.#take(4).readUInt32LE();
  }

  /** Text up to the end of the line. */
  #line(): string {
    const end = this.bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw new Error('the pickle is cut off');
    const text = this.#take(end - this.#at).toString('utf8');
    this.#take(1);
    return text;
  }

  #top(): unknown {
    if (this.#stack.length === 0) throw new Error('the pickle takes more from its stack than there is');
    return this.#stack[this.#stack.length - 1];
  }

  #pop(): unknown {
    const top = this.#top();
    if (top === MARK) throw new Error('the pickle takes more from its stack than there is');
    this.#stack.pop();
    return top;
  }

  #popToMark(): unknown[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw new Error('the pickle closes a container that it has not opened');
    const items = this.#stack.splice(mark + 1);
    this.#stack.pop();
    return items;
  }

  #remembered(key: number): unknown {
    if (!this.#memo.has(key)) throw new Error(`the pickle repeats its object ${key}, which it has not made`);
    return this.#memo.get(key);
  }

  #append(items: readonly unknown[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw new Error('the pickle appends to what is no list');
    for (const item of items) list.push(item);
  }

  #setItems(items: readonly unknown[]): void {
    const dict = this.#top();
    if (!(dict instanceof Map) || items.length % 2 !== 0)
      throw new Error('the pickle sets items of what is no dict');
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  }
}

function unknownOpcode(opcode: number): Error {
  return new Error(`the pickle has the opcode 0x${opcode.toString(16)}, for which plain data has no use`);
}

/** Two's complement, little-endian, of any length. */
function toInteger(bytes: Buffer): number | bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = value * 256n + BigInt(bytes[i]);
  const integer = BigInt.asIntN(8 * bytes.length, value);
  return Number.isSafeInteger(Number(integer)) ? Number(integer) : integer;
}
