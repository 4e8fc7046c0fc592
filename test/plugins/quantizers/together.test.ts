import { expect } from 'chai';
import type { FrozenWeight } from '../../../core/index.js';
import { RunWorld } from '../../../core/run/run-world.js';
import { type AssembledRun, compose } from '../../support/compose.js';
import { LLAMA } from '../../support/llama-fixture.js';
import { worldsOf } from '../../support/worlds.js';

/** The linear layers of the model as the process in this world quantizes it, the output left out. */
async function quantizedIn(world: RunWorld | undefined, quantizer: object): Promise<FrozenWeight[]> {
  const device = { name: 'portable', backend: 'wasm' };
  const run = (await compose({ model: LLAMA, quantizer, device }, { adapter: false })) as AssembledRun;
  if (world) run.context.world = world;
  await run.assembler.openDevice();
  const { model, dispose } = await run.assembler.assemble();
  dispose();
  return model.linears.filter(({ isOutput }) => !isOutput).map(({ weight }) => weight);
}

/** The arrays of a weight, by name. */
const arraysOf = (weight: FrozenWeight) =>
  Object.fromEntries(Object.entries(weight).filter(([, value]) => ArrayBuffer.isView(value)));
const bufferOf = (weight: FrozenWeight) =>
  (arraysOf(weight).values ?? arraysOf(weight).codes).buffer as ArrayBuffer;

describe('processes of one machine', () => {
  for (const quantizer of [{ name: 'int8' }, { name: 'nf4' }, { name: 'nf4', doubleQuantization: false }])
    it(`quantize a model once, to the same bytes as one process alone: ${JSON.stringify(quantizer)}`, async () => {
      const alone = await quantizedIn(undefined, quantizer);
      const worlds = worldsOf(3).map((world) => new RunWorld(world, new AbortController().signal, () => {}));
      const made: number[] = [0, 0, 0];
      for (const [rank, world] of worlds.entries()) {
        const { makeOnce } = world;
        world.makeOnce = (sizes, make, use) => {
          const counted = (i: number, buffer: ArrayBuffer) => {
            made[rank]++;
            return make(i, buffer);
          };
          return makeOnce(sizes, counted, use);
        };
      }
      const all = await Promise.all(worlds.map((world) => quantizedIn(world, quantizer)));
      for (const weights of all)
        for (const [i, weight] of weights.entries()) {
          expect({ ...weight }).to.deep.equal({ ...alone[i] });
          expect(arraysOf(weight)).to.deep.equal(arraysOf(alone[i]));
          expect(bufferOf(weight), 'shared').to.equal(bufferOf(all[0][i]));
        }
      expect(made.reduce((sum, count) => sum + count)).to.equal(alone.length);
      expect(Math.min(...made)).to.be.above(0);
    });
});
