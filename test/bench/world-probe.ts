/**
 * What the calls of the world `mpi` take, as one of the processes that mpirun started: process 0 prints a line of JSON. The part
 * processes-cost of the bench starts it.
 */

import mpi from '../../plugins/worlds/mpi/index.js';
import { applyAlone } from '../support/plugins.js';
import { median } from './statistics.js';

/** Seconds of sums, by how many bytes they sum. */
export type ProbedSums = readonly { readonly bytes: number; readonly seconds: number }[];

const SIZES = [1, 2 ** 16, 2 ** 20, 2 ** 22];

const { hooks } = applyAlone(mpi as never, { options: {} });
const world = await hooks.openWorld.promise();
if (!world) throw new Error('no world was opened');
const sums: { bytes: number; seconds: number }[] = [];
for (const size of SIZES) {
  const values = new Float32Array(size);
  const taken: number[] = [];
  for (let i = 0; i < (size > 2 ** 18 ? 15 : 200); i++) {
    const startedAt = performance.now();
    await world.sum(values);
    taken.push((performance.now() - startedAt) / 1000);
  }
  sums.push({ bytes: 4 * size, seconds: median(taken) });
}
if (world.rank === 0) console.log(JSON.stringify(sums));
await hooks.done.promise({} as never);
