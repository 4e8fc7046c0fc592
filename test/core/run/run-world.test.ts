import { expect } from 'chai';
import type { World } from '../../../core/contracts/world.js';
import { RunWorld } from '../../../core/run/run-world.js';
import { expectError } from '../../support/errors.js';
import { worldsOf } from '../../support/worlds.js';

const USE = { user: 'a test', advice: 'Ask for less.' };
const SIZES = [4, 100, 8, 52];

const runWorld = (world: World) => new RunWorld(world, new AbortController().signal, () => new Error('over'));

/** Has each process fill buffer i with 1 + i; returns which it made, and what it has in the end. */
async function madeIn(worlds: readonly World[]) {
  return Promise.all(
    worlds.map(async (world) => {
      const made: number[] = [];
      const fill = async (i: number, buffer: ArrayBuffer) => {
        made.push(i);
        new Uint8Array(buffer).fill(1 + i);
      };
      return { made, buffers: await runWorld(world).makeOnce(SIZES, fill, USE) };
    }),
  );
}

const expectFilled = (buffers: readonly ArrayBuffer[]) => {
  for (const [i, buffer] of buffers.entries())
    expect([...new Uint8Array(buffer)]).to.deep.equal(new Array(SIZES[i]).fill(1 + i));
};

describe('what processes make once', () => {
  it('is made by one of them each, about the same number of bytes by all', async () => {
    const all = await madeIn(worldsOf(2));
    for (const { buffers } of all) expectFilled(buffers);
    expect(all.map(({ made }) => made)).to.deep.equal([[1], [0, 2, 3]]);
    expect(all[0].buffers).to.deep.equal(all[1].buffers);
  });

  for (const [where, worlds] of [
    ['a process is alone', worldsOf(1)],
    ['the world shares no memory', worldsOf(2).map((world) => ({ ...world, share: undefined }))],
    ['the machine does not', worldsOf(2).map((world) => ({ ...world, share: async () => undefined }))],
  ] as const)
    it(`is made by each where ${where}`, async () => {
      for (const { made, buffers } of await madeIn(worlds as World[])) {
        expect(made).to.deep.equal([0, 1, 2, 3]);
        expectFilled(buffers);
      }
    });

  it('is refused where memory does not have it', async () => {
    const asked = worldsOf(2).map((world) =>
      expectError(() => runWorld(world).makeOnce([2 ** 46], async () => {}, USE), 'OUT_OF_MEMORY', 'a test'),
    );
    await Promise.all(asked);
  });
});
