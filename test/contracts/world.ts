/**
 * What every world must do, with several processes where it joins several; in the tests all are this one:
 *
 *     describeWorld('single', { sizes: [1] });
 *     describeWorldsOf('worlds of this process', [1, 2, 3], async (size) => worldsOf(size));
 */

import { expect } from 'chai';
import type { World } from '../../core/index.js';
import { type Choice, loadPlugin } from '../support/choice.js';
import { TemporaryFolder } from '../support/files.js';
import { applyAlone } from '../support/plugins.js';
import { skip } from '../support/skip.js';

export interface WorldFixture {
  readonly options?: object;
  /** Of how many processes it can be. */
  readonly sizes: readonly number[];
  /** What the process of a rank is told; `folder` is one for all of them, empty. */
  readonly optionsOf?: (rank: number, size: number, folder: string) => object;
}

/** @param third the files of third parties' plugins */
export function describeWorld(name: string, fixture: WorldFixture, third?: Choice): void {
  const { sizes, optionsOf = () => ({}) } = fixture;
  describeWorldsOf(`the world ${name}`, sizes, async (size, folder) => {
    const plugin = await loadPlugin('worlds', name, { ...third, ...fixture });
    const opened = Array.from({ length: size }, async (_, rank) => {
      const options = optionsOf(rank, size, folder);
      const world = await applyAlone(plugin, { options }).hooks.openWorld.promise();
      if (!world) throw new Error('it opens no world');
      return world;
    });
    return Promise.all(opened);
  });
}

/** @param open the worlds of as many processes, by rank */
export function describeWorldsOf(
  title: string,
  sizes: readonly number[],
  open: (size: number, folder: string) => Promise<readonly World[]>,
): void {
  for (const size of sizes) {
    describe(`${title}, of ${size} process${size === 1 ? '' : 'es'}`, () => {
      let folder: TemporaryFolder;
      let worlds: readonly World[];
      beforeEach(async () => {
        folder = new TemporaryFolder();
        worlds = await open(size, folder.path);
      });
      afterEach(() => folder.remove());
      /** What comes of `act` in each process, all at once. */
      const inEach = <T>(act: (world: World) => Promise<T>) => Promise.all(worlds.map(act));
      const ranks = Array.from({ length: size }, (_, rank) => rank);
      const sumOver = (of: (rank: number) => number) => ranks.reduce((sum, rank) => sum + of(rank), 0);

      it('numbers its processes from 0, and tells how many there are', () => {
        expect(worlds.map((world) => world.rank)).to.deep.equal(ranks);
        for (const world of worlds) expect(world.size).to.equal(size);
      });

      it('puts the sum over all in the place of each number, in single and in double precision', async () => {
        const sums = await inEach(async (world) => {
          const [single, double] = [
            Float32Array.of(0.5, -1 - world.rank, 3),
            Float64Array.of(world.rank + 1e-12),
          ];
          await world.sum(single);
          await world.sum(double);
          return { single: [...single], double: double[0] };
        });
        for (const { single, double } of sums) {
          expect(single).to.deep.equal([0.5 * size, -sumOver((rank) => rank + 1), 3 * size]);
          expect(double).to.be.closeTo(
            sumOver((rank) => rank + 1e-12),
            1e-15,
          );
          expect(double, 'the same in every process').to.equal(sums[0].double);
        }
      });

      it('takes arrays of many numbers, and of none', async () => {
        const sums = await inEach(async (world) => {
          const [many, none] = [new Float32Array(300_000).fill(world.rank + 1), new Float64Array(0)];
          await world.sum(none);
          await world.sum(many);
          return many.every((value) => value === sumOver((rank) => rank + 1)) && none.length === 0;
        });
        expect(sums).to.deep.equal(ranks.map(() => true));
      });

      it('has in every process the bytes that the first one gives, whatever the others do', async () => {
        for (const length of [0, 1, 200_000]) {
          const bytes = await inEach((world) =>
            world.broadcast(new Uint8Array(world.rank === 0 ? length : 3).fill(9 + world.rank)),
          );
          for (const given of bytes)
            expect(Buffer.compare(given, new Uint8Array(length).fill(9)), `${length}`).to.equal(0);
        }
      });

      it('lets nobody pass a barrier before all are there', async () => {
        const passed: string[] = [];
        await inEach(async (world) => {
          // The later the higher its rank: the first would run ahead.
          await new Promise((resolve) => setTimeout(resolve, 20 * world.rank));
          passed.push('came');
          await world.barrier();
          passed.push('went');
        });
        expect(passed).to.deep.equal([...ranks.map(() => 'came'), ...ranks.map(() => 'went')]);
      });

      it('has memory in common with the other processes of its machine, or says in all that there is none', async function () {
        if (!worlds[0].share) skip(this, 'this world shares no memory');
        const shared = await inEach(async (world) => {
          const memory = await world.share?.([8, 100_000, 1]);
          if (memory) for (const buffer of memory.buffers) new Uint8Array(buffer)[memory.place] = 7;
          await world.barrier();
          return memory;
        });
        const isThere = shared.map((memory) => memory !== undefined);
        expect(new Set(isThere).size).to.equal(1);
        if (isThere[0]) expect(shared.map((memory) => memory?.place)).to.deep.equal(ranks);
        for (const memory of shared) {
          if (!memory) continue;
          expect(memory.count).to.equal(size);
          expect(memory.buffers.map(({ byteLength }) => byteLength)).to.deep.equal([8, 100_000, 1]);
          const bytes = new Uint8Array(memory.buffers[1]);
          expect(bytes.reduce((sum, byte) => sum + byte, 0)).to.equal(7 * size);
        }
      });

      it('keeps many calls in order, however far one process is ahead of the others', async () => {
        const told = await inEach(async (world) => {
          const all: number[] = [];
          for (let call = 0; call < 12; call++) {
            if (call % size === world.rank) await new Promise((resolve) => setTimeout(resolve, 2));
            const values = Float64Array.of(call, world.rank);
            await world.sum(values);
            const [first] = await world.broadcast(Uint8Array.of(100 * world.rank + call));
            await world.barrier();
            all.push(...values, first);
          }
          return all;
        });
        const expected = Array.from({ length: 12 }, (_, call) => [
          size * call,
          sumOver((rank) => rank),
          call,
        ]);
        for (const all of told) expect(all).to.deep.equal(expected.flat());
      });
    });
  }
}
