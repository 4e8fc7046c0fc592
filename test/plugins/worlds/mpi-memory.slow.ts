import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { TemporaryFolder } from '../../support/files.js';
import { LARGE_LINEARS, writeLargeLlama } from '../../support/large-llama.js';
import { describeMpi, processOfRank } from '../../support/mpi.js';
import { describeNative } from '../../support/native.js';
import { begin } from '../../support/processes.js';
import { skip } from '../../support/skip.js';

/** Bytes of memory: `resident`, and the `share` of it, where pages that n processes have mapped count a n-th (Pss). */
interface Memory {
  readonly resident: number;
  readonly share: number;
}

/** Sums of a file of /proc in the form of smaps, over the mappings whose first line matches. */
function memoryOf(file: string, mappings: RegExp): Memory {
  const sums = { Rss: 0, Pss: 0 };
  let counts = false;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) counts = mappings.test(line);
    const [, key, kib] = /^(Rss|Pss): +(\d+) kB/.exec(line) ?? [];
    if (counts && key) sums[key as 'Rss' | 'Pss'] += Number(kib) * 1024;
  }
  return { resident: sums.Rss, share: sums.Pss };
}

const sumOf = (memories: readonly Memory[]) => memories.reduce((sum, { share }) => sum + share, 0);

const COUNT = 4;

describeNative('the memory of several processes', () => {
  describeMpi('over MPI', (mpi) => {
    let folder: TemporaryFolder;

    before(function () {
      if (process.platform !== 'linux') skip(this, 'Linux tells of shared memory in /proc');
      folder = new TemporaryFolder();
      writeLargeLlama(folder.path);
    });
    after(() => folder?.remove());

    /** What processes that train hold: of the weights, and in all. */
    async function measure(quantizer: string, processes: number, weights: RegExp) {
      const output = folder.join(`${quantizer}-${processes}`);
      const config = {
        model: { path: folder.path },
        quantizer,
        adapter: { r: 4 },
        data: { sources: ['alpaca'], cutoffLength: 64, validationSize: 0 },
        train: { perDeviceBatchSize: 1, gradientAccumulationSteps: COUNT, maxSteps: 100_000 },
        device: { name: 'native', threads: 1 },
        output,
      };
      const file = folder.write(`${quantizer}.yaml`, stringify(config));
      const run = begin(['run', file, '--processes', `${processes}`, '--json'], { env: mpi.env });
      try {
        await run.until('"step":3,');
        const ranks = Array.from({ length: processes }, (_, rank) => rank);
        const pids = processes === 1 ? [run.child.pid] : ranks.map((rank) => processOfRank(rank, file));
        return {
          weights: pids.map((pid) => memoryOf(`/proc/${pid}/smaps`, weights)),
          all: pids.map((pid) => memoryOf(`/proc/${pid}/smaps_rollup`, /./)),
        };
      } finally {
        run.child.kill('SIGINT');
        await run.end();
      }
    }

    for (const [quantizer, bytes, weights] of [
      ['none', 2 * LARGE_LINEARS, /model\.safetensors/],
      ['int8', LARGE_LINEARS, /memfd:evolve/],
      ['nf4', LARGE_LINEARS / 2, /memfd:evolve/],
    ] as const) {
      it(`has one copy of the frozen weights: ${quantizer}`, async () => {
        const one = await measure(quantizer, 1, weights);
        const several = await measure(quantizer, COUNT, weights);
        for (const { resident } of several.weights) expect(resident).to.be.within(bytes, 1.1 * bytes);
        expect(sumOf(several.weights)).to.be.within(0.95 * bytes, 1.1 * bytes);
        // With copies of their own, four would hold three more; what else they hold, and MPI, differs by less than half of that.
        expect(sumOf(several.all)).to.be.below(COUNT * sumOf(one.all) - (COUNT - 1) * 0.5 * bytes);
      });
    }
  });
});
