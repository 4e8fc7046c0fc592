import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { CheckpointWrite, DenseType } from '../../../core/index.js';
import { openCheckpoint as open, readTensors as readAll } from '../../support/checkpoints.js';
import { compose } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';

type Header = Record<string, unknown>;

/** A safetensors file by hand, whatever its header says. */
function fileOf(header: Header | string, data: Uint8Array = new Uint8Array(), declared?: bigint): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(declared ?? BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

const entry = (dtype: string, shape: number[], start: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [start, end],
});

async function write(request: CheckpointWrite): Promise<true | undefined> {
  const { hooks } = await compose();
  return hooks.writeCheckpoint.promise(request);
}

describe('the checkpoint format safetensors', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  describe('safetensors, read', () => {
    it('yields types, shapes and numbers of f32, f16 and bf16 in one file, metadata let be', async () => {
      const data = Buffer.alloc(4 + 4 + 4);
      data.writeFloatLE(-1.5, 0);
      data.writeUInt16LE(0x3c00, 4);
      data.writeUInt16LE(0xc000, 6);
      data.writeUInt16LE(0x3fc0, 8);
      data.writeUInt16LE(0xbf80, 10);
      const header = {
        __metadata__: { format: 'pt' },
        'b.half': entry('F16', [1, 2], 4, 8),
        'a.scalar': entry('F32', [], 0, 4),
        'c.brain': entry('BF16', [2], 8, 12),
      };
      const file = folder.write('x.safetensors', fileOf(header, data));
      expect(await readAll(file)).to.deep.equal({
        'b.half': { type: 'f16', shape: [1, 2], values: [1, -2] },
        'a.scalar': { type: 'f32', shape: [], values: [-1.5] },
        'c.brain': { type: 'bf16', shape: [2], values: [1.5, -1] },
      });
    });

    it('fp64 as fp32, each number rounded to the nearest, from any place of the file', async () => {
      const data = Buffer.alloc(25);
      for (const [i, number] of [1.5, 0.1, -1e-50].entries()) data.writeDoubleLE(number, 1 + 8 * i);
      const tensors = { odd: entry('U8', [1], 0, 1), wide: entry('F64', [3], 1, 25) };
      const file = folder.write('x.safetensors', fileOf(tensors, data));
      const values = [1.5, Math.fround(0.1), -0];
      expect(await readAll(file, ['wide'])).to.deep.equal({ wide: { type: 'f32', shape: [3], values } });
      data.writeDoubleLE(1e39, 9);
      const large = folder.write('y.safetensors', fileOf(tensors, data));
      await expectError(() => readAll(large, ['wide']), 'CHECKPOINT_INVALID', '"wide" holds 1e+39', 'fp32');
    });

    it('tensors of types that weights have not: only asking for one is an error, which names both', async () => {
      const header = { ids: entry('I64', [1, 2], 0, 16), weight: entry('F32', [1], 16, 20) };
      const file = folder.write('x.safetensors', fileOf(header, new Uint8Array(20)));
      const checkpoint = await open(file);
      try {
        expect(checkpoint.tensors.get('ids')?.shape).to.deep.equal([1, 2]);
        expect((await checkpoint.read('weight')).length).to.equal(4);
        const told = ['"ids" is of type I64', 'F32, F16, BF16'];
        await expectError(() => checkpoint.tensors.get('ids')?.type, 'CHECKPOINT_INVALID', file, ...told);
      } finally {
        await checkpoint.close();
      }
      const backwards = fileOf(
        { ids: entry('I64', [1], 16, 8), weight: entry('F32', [4], 0, 16) },
        new Uint8Array(16),
      );
      await expectError(() => open(folder.write('y.safetensors', backwards)), 'CHECKPOINT_INVALID', '"ids"');
    });

    it('takes the single file of a folder before an index, as transformers does', async () => {
      const header = { a: entry('F32', [1], 0, 4) };
      folder.write('model.safetensors', fileOf(header, new Uint8Array(4)));
      folder.write('model.safetensors.index.json', 'never opened');
      expect(await readAll(folder.path)).to.deep.equal({ a: { type: 'f32', shape: [1], values: [0] } });
    });

    it('opens a folder with one file, and one with shards that Python wrote', async () => {
      const single = await open(fixture('llama'));
      const sharded = await open(fixture('llama-tied'));
      try {
        expect(single.tensors.get('lm_head.weight')).to.deep.include({ type: 'f32', shape: [340, 32] });
        expect(sharded.tensors.size).to.equal(20);
        expect(sharded.tensors.get('model.layers.1.self_attn.q_proj.weight')).to.deep.include({
          type: 'f16',
          shape: [64, 32],
        });
        expect((await sharded.read('model.norm.weight')).length).to.equal(64);
      } finally {
        await single.close();
        await sharded.close();
      }
    });
  });

  describe('safetensors, written', () => {
    // Exact in every type: what is read must be what was written.
    const tensors = new Map([
      ['z', { shape: [2, 3], values: Float32Array.from([1, -2, 0.5, 0, -0.25, 96]) }],
      ['a', { shape: [4], values: Float32Array.from([Number.POSITIVE_INFINITY, -1, 2 ** -14, -(2 ** 15)]) }],
      ['m', { shape: [], values: Float32Array.from([3]) }],
    ]);
    const plain = (type: string) =>
      Object.fromEntries(
        [...tensors].map(([name, { shape, values }]) => [name, { type, shape, values: [...values] }]),
      );

    for (const type of ['f32', 'f16', 'bf16'] as DenseType[]) {
      it(`and read again, ${type}`, async () => {
        const file = folder.join('model.safetensors');
        expect(await write({ path: file, tensors, type, metadata: { format: 'pt' } })).to.equal(true);
        expect(await readAll(file)).to.deep.equal(plain(type));
        expect(await readAll(folder.path)).to.deep.equal(plain(type));
        expect(readdirSync(folder.path), 'nothing half-written stays').to.deep.equal(['model.safetensors']);
      });
    }

    it('begins its data at a multiple of eight and keeps the metadata', async () => {
      const file = folder.join('x.safetensors');
      await write({ path: file, tensors, metadata: { format: 'pt' } });
      const bytes = readFileSync(file);
      const length = Number(bytes.readBigUInt64LE(0));
      expect(length % 8).to.equal(0);
      const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
      expect(header.__metadata__).to.deep.equal({ format: 'pt' });
      expect(bytes.length).to.equal(8 + length + 4 * 11);
    });

    it('in shards with an index, none larger than allowed, and read again', async () => {
      await write({ path: folder.join('model.safetensors'), tensors, maxShardBytes: 24 });
      const files = readdirSync(folder.path).sort();
      expect(files).to.deep.equal([
        'model-00001-of-00002.safetensors',
        'model-00002-of-00002.safetensors',
        'model.safetensors.index.json',
      ]);
      const index = JSON.parse(readFileSync(folder.join('model.safetensors.index.json'), 'utf8'));
      expect(index).to.deep.equal({
        metadata: { total_size: 44 },
        weight_map: { a: files[0], m: files[0], z: files[1] },
      });
      expect(await readAll(folder.path)).to.deep.equal(plain('f32'));
    });

    it('not where a number is larger than any of the type', async () => {
      const large = new Map([['large', { shape: [2], values: Float32Array.from([65504, -65520]) }]]);
      const file = folder.join('x.safetensors');
      const into = (type: DenseType) => () => write({ path: file, tensors: large, type });
      await expectError(into('f16'), 'NOT_FINITE', 'large', '-65520', 'f16', 'bf16 or f32');
      expect(readdirSync(folder.path)).to.deep.equal([]);
      await into('bf16')();
      const largest = new Map([['large', { shape: [1], values: Float32Array.from([3.4e38]) }]]);
      await expectError(() => write({ path: file, tensors: largest, type: 'bf16' }), 'NOT_FINITE', 'large');
    });
  });

  it('a folder or a pipe under the name of a file is refused', async () => {
    folder.write('a/model.safetensors/x', '');
    await expectError(() => open(folder.join('a')), 'CHECKPOINT_INVALID', 'model.safetensors', 'is no file');
    folder.write('b/x', '');
    execFileSync('mkfifo', [folder.join('b', 'model.safetensors')]);
    await expectError(() => open(folder.join('b')), 'CHECKPOINT_INVALID', 'model.safetensors', 'is no file');
  });

  describe('a safetensors file that lies is refused by name:', () => {
    const four = new Uint8Array(4);
    const eight = new Uint8Array(8);
    const lies: [what: string, content: Buffer | string, told: string | RegExp][] = [
      ['nothing in it', Buffer.alloc(0), /0 bytes/],
      ['shorter than eight bytes', Buffer.alloc(7), /7 bytes/],
      ['a header beyond the file', fileOf('{}', four, 1000n), /1000 bytes/],
      ['a header of more bytes than a number can count', fileOf('{}', four, 2n ** 64n - 1n), /cut off/],
      ['a header that is no JSON', fileOf('{"a": '), /no JSON/],
      ['a header that is a list', fileOf('[1]'), /no mapping/],
      ['a header that is null', fileOf('null'), /no mapping/],
      ['a web page', '<!DOCTYPE html><html><body>Not found</body></html>', /no safetensors file/],
      [
        'an entry without shape',
        fileOf({ a: { dtype: 'F32', data_offsets: [0, 4] } }, four),
        /"a" is malformed/,
      ],
      ['a negative extent', fileOf({ a: entry('F32', [-1], 0, 4) }, four), /"a" is malformed/],
      [
        'offsets that contradict the shape',
        fileOf({ a: entry('F32', [2], 0, 4) }, four),
        /"a" of shape \[2\]/,
      ],
      ['offsets that run backwards', fileOf({ a: entry('F32', [0], 4, 0) }, four), /"a"/],
      ['offsets beyond the file', fileOf({ a: entry('F32', [2], 0, 8) }, four), /cut off/],
      [
        'tensors that overlap',
        fileOf({ a: entry('F32', [1], 0, 4), b: entry('F32', [1], 2, 6) }, new Uint8Array(6)),
        /"b" overlaps/,
      ],
      [
        'a gap between tensors',
        fileOf({ a: entry('F16', [1], 0, 2), b: entry('F32', [1], 4, 8) }, eight),
        /2 bytes before the tensor "b"/,
      ],
      [
        'a gap before the first',
        fileOf({ a: entry('F32', [1], 4, 8) }, eight),
        /4 bytes before the tensor "a"/,
      ],
      ['bytes after the last', fileOf({ a: entry('F32', [1], 0, 4) }, eight), /4 bytes after the last/],
    ];
    for (const [what, content, told] of lies) {
      it(what, async () => {
        const file = folder.write('x.safetensors', content);
        await expectError(() => open(file), 'CHECKPOINT_INVALID', file, told);
      });
    }
  });

  describe('an index of shards that lies is refused by name:', () => {
    const INDEX = 'model.safetensors.index.json';
    const shard = () =>
      folder.write('one.safetensors', fileOf({ a: entry('F32', [1], 0, 4) }, new Uint8Array(4)));
    const refused = async (index: unknown, ...told: (string | RegExp)[]) => {
      shard();
      const file = folder.write(INDEX, typeof index === 'string' ? index : JSON.stringify(index));
      await expectError(() => open(folder.path), 'CHECKPOINT_INVALID', file, ...told);
    };

    it('no JSON', () => refused('{', 'no JSON'));

    it('no map', () => refused({ metadata: {} }, 'weight_map'));

    it('a map to something other than files', () => refused({ weight_map: { a: 1 } }, 'weight_map'));

    it('a shard that is missing', () =>
      refused({ weight_map: { a: 'one.safetensors', b: 'two.safetensors' } }, 'two.safetensors'));

    it('a tensor that no shard holds', () =>
      refused({ weight_map: { a: 'one.safetensors', 'b.weight': 'one.safetensors' } }, 'b.weight'));

    for (const outside of ['../one.safetensors', '/one.safetensors', 'sub/one.safetensors', '..', '.', '']) {
      it(`what is no file of its folder: ${JSON.stringify(outside)}`, () =>
        refused({ weight_map: { a: 'one.safetensors', b: outside } }, `"${outside}"`));
    }

    it('one tensor in two shards; the file is named', async () => {
      shard();
      const second = fileOf({ a: entry('F32', [1], 0, 4), b: entry('F32', [1], 4, 8) }, new Uint8Array(8));
      const file = folder.write('two.safetensors', second);
      folder.write(INDEX, JSON.stringify({ weight_map: { a: 'one.safetensors', b: 'two.safetensors' } }));
      await expectError(() => open(folder.path), 'CHECKPOINT_INVALID', file, '"a"');
    });

    it('a shard of another model; a tensor that is missing is named', async () => {
      for (const name of readdirSync(fixture('llama-tied')))
        if (name.startsWith('model')) cpSync(fixture('llama-tied', name), folder.join(name));
      const [, second] = readdirSync(folder.path).filter((name) => name.endsWith('.safetensors'));
      const other = fileOf({ a: entry('F32', [1], 0, 4) }, new Uint8Array(4));
      folder.write(second, other);
      await expectError(() => open(folder.path), 'CHECKPOINT_INVALID', INDEX, 'that no file holds', 'model.');
    });

    it('a shard that lies; the file is named', async () => {
      const file = folder.write('one.safetensors', Buffer.alloc(3));
      folder.write(INDEX, JSON.stringify({ weight_map: { a: 'one.safetensors' } }));
      await expectError(() => open(folder.path), 'CHECKPOINT_INVALID', file);
    });
  });
});
