/**
 * What every format of checkpoints must do:
 *
 *     describeCheckpoint('torch', { sample: () => fixture('torch', 'views.pt'), expected: () => readTensors(…) });
 */

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import {
  type Checkpoint,
  type CheckpointWrite,
  DENSE_TYPES,
  type DenseType,
  decodeFloats,
  encodeFloats,
  type TensorToWrite,
} from '../../core/index.js';
import type { Hooks } from '../../core/plugins/hooks.js';
import { type ReadTensor, readAndClose, readTensors } from '../support/checkpoints.js';
import { type Choice, choose } from '../support/choice.js';
import { compose } from '../support/compose.js';
import { expectError } from '../support/errors.js';
import { fixture, TemporaryFolder } from '../support/files.js';

export interface CheckpointFixture {
  /** A file of this format, which the test may write into a folder of its own. */
  readonly sample: (folder: TemporaryFolder) => string;
  /** What is in it, by the names that are read. */
  readonly expected: () => Promise<Record<string, ReadTensor>>;
  /** How files end that the format writes; without it, it only reads. */
  readonly writes?: string;
  /** It decodes a tensor when it is used, not when it is read. */
  readonly readsLater?: boolean;
}

/** A LLaMA in fp32: matrices, vectors, and all that belongs to a model. */
const MODEL = fixture('llama');
const FILES = ['config.json', 'tokenizer.json', 'tokenizer_config.json'];

/** @param third the files of third parties' plugins */
export function describeCheckpoint(name: string, fixture: CheckpointFixture, third?: Choice): void {
  const { writes, readsLater = false } = fixture;

  describe(`the checkpoint format ${name}`, () => {
    let folder: TemporaryFolder;
    let sample: string;
    let hooks: Hooks;
    before(async () => {
      // With the others, as in a run: backbones say what a format must know of models.
      ({ hooks } = await compose(choose('checkpoints', name, third)));
    });
    beforeEach(() => {
      folder = new TemporaryFolder();
      sample = fixture.sample(folder);
      folder.write('out/place', '');
    });
    afterEach(() => folder.remove());

    const open = async (location = sample): Promise<Checkpoint> => {
      const opened = await hooks.openCheckpoint.promise(location);
      if (!opened) throw new Error(`it does not know ${location}`);
      return opened;
    };
    const write = (request: CheckpointWrite) => hooks.writeCheckpoint.promise(request);

    it('tells types and shapes before it reads, and reads the numbers', async () => {
      const expected = await fixture.expected();
      expect(await readAndClose(await open(), Object.keys(expected))).to.deep.equal(expected);
    });

    it('reads a tensor again, and several side by side, to the same bytes', async () => {
      const names = Object.keys(await fixture.expected());
      const checkpoint = await open();
      try {
        const once = await Promise.all(names.map((tensor) => checkpoint.read(tensor)));
        for (const [i, tensor] of [...names.entries()].reverse())
          expect(Buffer.compare(await checkpoint.read(tensor), once[i]), tensor).to.equal(0);
        await expectError(() => checkpoint.read('nobody'), 'CHECKPOINT_INVALID', checkpoint.path, '"nobody"');
      } finally {
        await checkpoint.close();
      }
    });

    it('decodes what is asked for later when that is used, also when it is closed, where it can', async () => {
      const checkpoint = await open();
      expect(checkpoint.readLater !== undefined).to.equal(readsLater);
      const names = readsLater ? Object.keys(await fixture.expected()) : [];
      const later = await Promise.all(names.map((tensor) => checkpoint.readLater?.(tensor)));
      const read = await Promise.all(names.map((tensor) => checkpoint.read(tensor)));
      await checkpoint.close();
      expect(later.map((make) => make?.())).to.deep.equal(read);
    });

    it('refuses a file that is cut off, or holds something else, by its name', async () => {
      const whole = readFileSync(sample);
      const cuts = [1, 3, 5, 7].map((eighths) => whole.subarray(0, (eighths * whole.length) / 8));
      for (const content of [...cuts, '', '<!DOCTYPE html><html></html>']) {
        const file = folder.write(`damaged/${path.basename(sample)}`, content);
        await expectError(async () => readAndClose(await open(file)), 'CHECKPOINT_INVALID', file);
      }
    });

    it('leaves other files, and folders without its own, to others', async () => {
      for (const location of [folder.write('empty/model.h5', 'x'), folder.join('empty')])
        expect(await hooks.openCheckpoint.promise(location)).to.equal(undefined);
      const tensors = new Map([['x', { shape: [1], values: Float32Array.of(1) }]]);
      for (const other of ['other.h5', 'other.bin'])
        expect(await write({ path: folder.join('empty', other), tensors }), other).to.equal(undefined);
      expect(readdirSync(folder.join('empty'))).to.deep.equal(['model.h5']);
    });

    if (writes === undefined) return;
    const request = async (change: (tensor: TensorToWrite) => TensorToWrite): Promise<CheckpointWrite> => ({
      path: folder.join('out', `model${writes}`),
      tensors: new Map(
        Object.entries(await readTensors(MODEL)).map(([tensor, { shape, values }]) => [
          tensor,
          change({ shape, values: Float32Array.from(values) }),
        ]),
      ),
      files: new Map(FILES.map((file) => [file, readFileSync(path.join(MODEL, file))])),
    });
    const written = () => readdirSync(folder.join('out'));

    for (const type of Object.keys(DENSE_TYPES) as DenseType[]) {
      it(`writes a model in ${type}, its numbers whole or piece by piece, which is read again`, async () => {
        const asked = { ...(await request(inPieces)), type };
        expect(await write(asked)).to.equal(true);
        expect(written()).to.have.members(['place', path.basename(asked.path)]);
        const [again, given] = [await readAndClose(await open(asked.path)), await readTensors(MODEL)];
        expect(Object.keys(again)).to.have.members(Object.keys(given));
        for (const [tensor, { type: stored, shape, values }] of Object.entries(again)) {
          // A format may store vectors in more.
          if (shape.length > 1) expect(stored, tensor).to.equal(type);
          expect({ shape, values }, tensor).to.deep.equal({
            shape: given[tensor].shape,
            values: rounded(given[tensor].values, stored),
          });
        }
      });
    }

    it('leaves nothing behind of a file that does not get whole', async () => {
      const broken = await request(({ shape }) => ({
        shape,
        values: () => {
          throw new RangeError('no more numbers');
        },
      }));
      await write(broken).then(
        () => expect.fail('it was written'),
        (error) => expect(String(error)).to.include('no more numbers'),
      );
      const large = await request(({ shape, values }) => ({
        shape,
        values: (values as Float32Array).fill(7e4),
      }));
      await expectError(() => write({ ...large, type: 'f16' }), 'NOT_FINITE', '70000', 'f16');
      expect(written()).to.deep.equal(['place']);
    });
  });
}

/** Every other tensor in two pieces, made when they are asked for. */
function inPieces({ shape, values }: TensorToWrite): TensorToWrite {
  const whole = values as Float32Array;
  if (shape.length < 2) return { shape, values };
  const half = Math.floor(shape[0] / 2) * (whole.length / shape[0]);
  return { shape, values: () => [whole.subarray(0, half), whole.subarray(half)].values() };
}

function rounded(values: readonly number[], type: DenseType): number[] {
  const target = new Float32Array(values.length);
  decodeFloats(type, encodeFloats(type, Float32Array.from(values)), target);
  return [...target];
}
