import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { openCheckpoint, readTensors } from '../../support/checkpoints.js';
import { compose, withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { LLAMA } from '../../support/llama-fixture.js';
import { describeNative } from '../../support/native.js';

const torch = (...names: string[]) => fixture('torch', ...names);
/** Of views.pt, what no weight can be. */
const OTHERS = { position_ids: 'int64', mask: 'bool', eight: 'float8_e4m3fn' };

/** A zip archive of stored entries. */
function zipOf(entries: Readonly<Record<string, string | Buffer>>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, content] of Object.entries(entries)) {
    const data = Buffer.from(content as string);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt32LE(data.length, 18);
    local.writeUInt32LE(data.length, 22);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    local.copy(central, 20, 18, 28);
    central.writeUInt32LE(at, 42);
    directory.push(central, Buffer.from(name));
    parts.push(local, Buffer.from(name), data);
    at += 30 + name.length + data.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(parts.length / 3, 8);
  end.writeUInt16LE(parts.length / 3, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

/** Opcodes in Latin-1, as a pickle of protocol 2. */
const pickleOf = (opcodes: string) => Buffer.from(`\x80\x02${opcodes}`, 'latin1');
const text = (value: string) => `X${String.fromCharCode(value.length)}\0\0\0${value}`;
/** A dict with the one entry `weight`. */
const dictOf = (value: string) => pickleOf(`}${text('weight')}${value}s.`);
const storageOf = (type: string, count: number) =>
  `(${text('storage')}ctorch\n${type}\n${text('0')}${text('cpu')}K${String.fromCharCode(count)}tQ`;
/** A tensor of shape [2, 2]. */
const tensorOf = (storage: string, offset: string, strides: string) =>
  `ctorch._utils\n_rebuild_tensor_v2\n(${storage}${offset}K\x02K\x02\x86${strides}\x89NtR`;

describe('the checkpoint format torch', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  const refused = (content: string | Uint8Array, ...told: (string | RegExp)[]) => {
    const file = folder.write('x.bin', content);
    return expectError(() => openCheckpoint(file), 'CHECKPOINT_INVALID', file, ...told);
  };
  const archiveOf = (pickle: Buffer, storage = Buffer.alloc(16)) =>
    zipOf({ 'x/data.pkl': pickle, 'x/data/0': storage });

  describe('torch, read', () => {
    const readsViews = (file: string) => async () => {
      const expected = await readTensors(torch('expected.safetensors'));
      expect(await readTensors(file, Object.keys(expected))).to.deep.equal(expected);
    };

    it('with 64-bit fields in the table of contents', readsViews(torch('zip64.pt')));

    it('one dict deeper, beside other things', readsViews(torch('wrapped.pt')));

    describeNative('where files are mapped', () => {
      it('views, transposed, sliced, repeated and shared, come out in order', async () => {
        await tf.setBackend('native');
        await readsViews(torch('views.pt'))();
      });
    });

    it('tensors of types that weights have not: only asking for one is an error, which names both', async () => {
      const checkpoint = await openCheckpoint(torch('views.pt'));
      try {
        const expected = Object.keys(await readTensors(torch('expected.safetensors')));
        const names = [...checkpoint.tensors.keys()];
        expect(names).to.have.members([...expected, 'double', ...Object.keys(OTHERS)]);
        for (const [name, type] of Object.entries(OTHERS)) {
          const info = checkpoint.tensors.get(name)!;
          await expectError(() => checkpoint.read(name), 'CHECKPOINT_INVALID', `"${name}"`, type);
          await expectError(() => info.type, 'CHECKPOINT_INVALID', `"${name}"`, type);
        }
        expect(checkpoint.tensors.get('position_ids')?.shape).to.deep.equal([5]);
        // As `double.float()` in PyTorch.
        const bytes = await checkpoint.read('double');
        expect([...new Float32Array(bytes.buffer)]).to.deep.equal([-1.1058018207550049, -1.4746148586273193]);
        expect(checkpoint.tensors.get('double')?.type).to.equal('f32');
      } finally {
        await checkpoint.close();
      }
    });

    it('a folder with the single file, or with shards and their index', async () => {
      cpSync(torch('views.pt'), folder.join('pytorch_model.bin'));
      await readsViews(folder.path)();
      const weights = await readTensors(fixture('llama'));
      expect(await readTensors(torch('llama'))).to.deep.equal(weights);
    });

    it('a folder that has the weights as safetensors too is read from those', async () => {
      cpSync(fixture('llama', 'model.safetensors'), folder.join('model.safetensors'));
      folder.write('pytorch_model.bin', 'never opened');
      expect((await openAndClose(folder.path)).tensors.size).to.equal(21);
    });

    it('a model loads from shards as it does from safetensors', async () => {
      cpSync(torch('llama'), folder.path, { recursive: true });
      for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
        cpSync(fixture('llama', name), folder.join(name));
      await withModel({ model: { path: folder.path } }, (model) =>
        withModel({ model: LLAMA }, (other) => {
          expect(model.linears.map(({ name }) => name)).to.deep.equal(other.linears.map(({ name }) => name));
          for (const [i, { weight }] of model.linears.entries())
            expect(Buffer.compare(bytesOf(weight), bytesOf(other.linears[i].weight))).to.equal(0);
        }),
      );
    });
  });

  describe('a pickle that names what no weights need is refused, and nothing of it executed:', () => {
    it('one that torch.save wrote, with os.system in it', async () => {
      const error = await expectError(
        () => openCheckpoint(torch('command.pt')),
        'CHECKPOINT_INVALID',
        /pickle names (posix|os)\.system/,
        'nothing of it was executed',
      );
      expect(error.message).to.include('command.pt');
      expect(existsSync('executed')).to.equal(false);
    });

    const names: [what: string, opcodes: string, told: string][] = [
      ['builtins.eval', `cbuiltins\neval\n${text('1')}\x85R.`, 'builtins.eval'],
      ['a name from the stack', `\x8c\x0asubprocess\x8c\x05Popen\x93)R.`, 'subprocess.Popen'],
      ['an instance made at once', `(${text('ls')}ios\nsystem\n.`, 'os.system'],
      ['a function of torch', 'ctorch\nload\n)R.', 'torch.load'],
      ['what objects inherit', 'ctorch\nconstructor\n)R.', 'torch.constructor'],
      ['the prototype', 'c__proto__\nconstructor\n)R.', '__proto__.constructor'],
    ];
    for (const [what, opcodes, told] of names) it(what, () => refused(archiveOf(pickleOf(opcodes)), told));
  });

  describe('a pickle that is small, but makes much of it, is refused at once:', function () {
    this.timeout(5_000);
    const COUNT = 20_000;
    const int32 = (value: number) => {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32LE(value);
      return bytes.toString('latin1');
    };
    const pairs = `](${'NN\x86'.repeat(COUNT)}e`;

    it('dicts of one list of pairs, over and over', () =>
      refused(
        archiveOf(pickleOf(`${pairs}q\0${`ccollections\nOrderedDict\nh\0\x85R0`.repeat(COUNT)}.`)),
        'more pairs than it has bytes',
      ));

    it('tensors of as many axes', () => {
      const storage = storageOf('FloatStorage', 4);
      const make = `0ctorch._utils\n_rebuild_tensor_v2\n(h\x01K\0h\0h\0\x89NtR`;
      const pickle = pickleOf(`(${'K\x01'.repeat(COUNT)}tq\x000${storage}q\x01${make.repeat(COUNT)}.`);
      return refused(archiveOf(pickle), 'a tensor of something else');
    });

    it('a dict of one dict, over and over', () => {
      const entries = Array.from({ length: COUNT }, (_, i) => `J${int32(i)}h\0s`).join('');
      const inner = `}(${Array.from({ length: COUNT }, (_, i) => `J${int32(i)}N`).join('')}u`;
      return refused(archiveOf(pickleOf(`${inner}q\x000}${entries}.`)), '0 dicts of tensors');
    });

    it('a name of lists within lists', () => {
      const nested = `](h\0h\0eq\0`.repeat(64);
      return refused(archiveOf(pickleOf(`]q\x00${nested}${text('x')}\x93.`)), 'no text');
    });
  });

  describe('a pickle that lies is refused:', () => {
    const good = tensorOf(storageOf('FloatStorage', 4), 'K\0', 'K\x02K\x01\x86');
    const lies: [what: string, pickle: Buffer, told: string | RegExp][] = [
      ['a tensor beyond its storage', dictOf(good.replace('K\0', 'K\x01')), /"weight".*beyond its storage/],
      [
        'strides beyond it',
        dictOf(tensorOf(storageOf('FloatStorage', 4), 'K\0', 'K\xffK\x01\x86')),
        'beyond its storage',
      ],
      [
        'a negative stride',
        dictOf(tensorOf(storageOf('FloatStorage', 4), 'K\0', 'J\xff\xff\xff\xffK\x01\x86')),
        'a tensor of something else',
      ],
      [
        'more strides than axes',
        dictOf(tensorOf(storageOf('FloatStorage', 4), 'K\0', 'K\x01\x85')),
        'a tensor of something else',
      ],
      ['a storage of another size', dictOf(good.replace('K\x04', 'K\x05')), /"weight" has 16 bytes.*20/],
      ['a storage that is not there', dictOf(good.replace(text('0'), text('9'))), 'no entry "x/data/9"'],
      [
        'a tensor of no storage',
        dictOf(tensorOf('N', 'K\0', 'K\x02K\x01\x86')),
        'a tensor of something else',
      ],
      ['a persistent id that is no storage', pickleOf(`${text('9')}Q.`), 'no storage'],
      ['a type that is called', pickleOf('ctorch\nFloatStorage\n)R.'), 'calls torch.FloatStorage'],
      ['a call of a number', pickleOf('K\x01)R.'), 'what is no function'],
      ['an object without class', pickleOf('K\x01)\x81.'), 'opcode 0x81'],
      ['items for a number', pickleOf('K\x01K\x01K\x01s.'), 'no dict'],
      ['attributes of a list', pickleOf(']}b.'), 'no dict'],
      ['an empty stack', pickleOf('.'), 'one object'],
      ['a mark for an object', pickleOf('(\x85.'), 'more from its stack'],
      ['a memory of nothing', pickleOf('h\x05.'), 'its object 5'],
      ['no end', pickleOf('}'), 'cut off'],
      ['no tensors', pickleOf('}.'), '0 dicts of tensors'],
      ['nothing', Buffer.alloc(0), 'cut off'],
    ];
    it('but the one without lies is read', async () => {
      const numbers = Buffer.from(Float32Array.from([1, 2, 3, 4]).buffer);
      const file = folder.write('x.bin', archiveOf(dictOf(good), numbers));
      expect((await readTensors(file)).weight).to.deep.equal({
        type: 'f32',
        shape: [2, 2],
        values: [1, 2, 3, 4],
      });
    });
    for (const [what, pickle, told] of lies) it(what, () => refused(archiveOf(pickle), told));
  });

  describe('a file that is none of torch.save is refused:', () => {
    it('the form before PyTorch 1.6, by name', () =>
      expectError(
        () => openCheckpoint(torch('legacy.pt')),
        'CHECKPOINT_INVALID',
        'legacy.pt',
        'before version 1.6',
      ));

    it('compressed entries', () =>
      expectError(
        () => openCheckpoint(torch('compressed.pt')),
        'CHECKPOINT_INVALID',
        'is compressed',
        'zip -0',
      ));

    it('empty, or a web page', async () => {
      await refused('', 'no file that torch.save wrote');
      await refused('<!DOCTYPE html>', 'no file that torch.save wrote');
    });

    it('an archive of other things', () => refused(zipOf({ 'readme.txt': 'hello' }), 'no data.pkl'));

    it('numbers in another order of bytes', () =>
      refused(zipOf({ 'x/data.pkl': pickleOf('}.'), 'x/byteorder': 'big' }), 'big-endian'));

    it('cut off, wherever', async () => {
      const bytes = readFileSync(torch('views.pt'));
      for (let length = 0; length < bytes.length; length += 211) await refused(bytes.subarray(0, length));
      await refused(bytes.subarray(0, bytes.length - 1), 'cut off');
    });

    it('or damaged: it is opened or refused, but nothing else', async () => {
      const { hooks } = await compose();
      const bytes = readFileSync(torch('zip64.pt'));
      const file = folder.join('x.bin');
      for (let at = bytes.indexOf('data.pkl'); at < bytes.length; at += 29) {
        const damaged = Buffer.from(bytes);
        damaged[at] ^= 0x55;
        folder.write('x.bin', damaged);
        try {
          await (await hooks.openCheckpoint.promise(file))?.close();
        } catch (error) {
          expect((error as { code?: string }).code, String(error)).to.equal('CHECKPOINT_INVALID');
        }
      }
    });
  });

  describe('shards', () => {
    beforeEach(() => cpSync(torch('llama'), folder.path, { recursive: true }));

    it('of which one is missing: it is named', () => {
      rmSync(folder.join('pytorch_model-00002-of-00002.bin'));
      return expectError(
        () => openCheckpoint(folder.path),
        'CHECKPOINT_INVALID',
        'pytorch_model.bin.index.json',
        'pytorch_model-00002-of-00002.bin',
      );
    });

    it('that are those of another model: the tensor that is missing is named', () => {
      const other = folder.join('pytorch_model-00002-of-00002.bin');
      cpSync(torch('views.pt'), other);
      return expectError(
        () => openCheckpoint(folder.path),
        'CHECKPOINT_INVALID',
        'that no file holds',
        'model.',
      );
    });
  });

  it('leaves a folder without such files to others', async () => {
    mkdirSync(folder.join('empty'));
    await expectError(
      () => withModel({ model: { path: folder.join('empty') } }, () => {}),
      'MODEL_UNKNOWN',
      'no config.json',
    );
  });
});

async function openAndClose(location: string) {
  const checkpoint = await openCheckpoint(location);
  await checkpoint.close();
  return checkpoint;
}

function bytesOf(weight: object): Uint8Array {
  return (weight as { bytes: Uint8Array }).bytes;
}
