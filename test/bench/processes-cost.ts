/**
 * The cost of a step by number of processes: as step-cost.ts has it, with what messages take here, beside what 1, 2 and 4
 * processes take; then for up to 1,024.
 */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { ROOT } from '../support/files.js';
import { findMpi, type Mpi, mpirunArguments } from '../support/mpi.js';
import type { Context } from './context.js';
import { writeLongRows } from './long-rows.js';
import { measureEvolve, stepsOf } from './processes.js';
import { type Link, ringSum, type StepFacts, stepSeconds, sumSeconds, treeSum } from './step-cost.js';
import type { Row } from './table.js';
import type { ProbedSums } from './world-probe.js';

/** So many sums of a few numbers a step has: that of the losses, and three in which processes agree on what plugins asked for. */
const CALLS = 4;
const MICRO_BATCHES = 4;
const STEPS = 16;
/** Steps that only warm up. */
const WARM = 2;
const PROBE = fileURLToPath(new URL('./world-probe.js', import.meta.url));

/** How Open MPI sends, by what this is told as. */
const LINKS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'shared memory': {},
  'TCP on loopback': { OMPI_MCA_btl: 'tcp,self', OMPI_MCA_pml: 'ob1', OMPI_MCA_btl_tcp_if_include: 'lo' },
};

export async function processesCost(context: Context): Promise<Row[]> {
  const mpi = findMpi('Open MPI');
  if (!mpi) {
    context.say('skipped: there is no Open MPI');
    return [];
  }
  const probed = new Map(Object.entries(LINKS).map(([name, env]) => [name, probe(mpi, 2, env)]));
  const fastest = probed.get('shared memory') as ProbedSums;
  // A message in shared memory takes about a microsecond: what its call takes is the hand-over.
  const handOver = fastest[0].seconds;
  const links = new Map([...probed].map(([name, sums]) => [name, linkOf(sums, handOver)]));
  for (const [name, { latency, bandwidth }] of links)
    context.say(
      `${name}: ${microseconds(latency)} a message, ${(bandwidth / 1e9).toFixed(2)} GB/s; hand-over ${microseconds(handOver)}`,
    );
  const link = links.get('shared memory') as Link;
  const rows = sumRows(probe(mpi, 4, {}), handOver, link);

  const { seconds, ofOneMicroBatch } = await measureSteps(context);
  const microBatch = (seconds[0] - ofOneMicroBatch) / (MICRO_BATCHES - 1);
  const step: StepFacts = {
    microBatch,
    microBatches: MICRO_BATCHES,
    update: ofOneMicroBatch - microBatch,
    gradientBytes: 4 * (await trainedParameters(context)),
    calls: CALLS,
    handOver,
    cores: os.availableParallelism(),
  };
  rows.push(
    ...[1, 2, 4].map(
      (count, i): Row => ({
        what: `step of ${count} process${count === 1 ? '' : 'es'} (theirs: the model)`,
        unit: 's',
        ours: seconds[i],
        theirs: stepSeconds(count, step, link),
        note: noteOf(count),
        raw: { step, links: [...links] },
      }),
    ),
  );
  for (const [name, each] of links) tellFurther(context, name, step, each);
  return rows;
}

function probe(mpi: Mpi, processes: number, env: Readonly<Record<string, string>>): ProbedSums {
  const args = [...mpirunArguments(mpi, processes), process.execPath, PROBE];
  const options = { env: { ...process.env, ...mpi.env, ...env }, encoding: 'utf8' } as const;
  const text = execFileSync(mpi.mpirun, args, options);
  return JSON.parse(text.trim().split('\n').at(-1) as string);
}

/** Of two processes: a call sends two messages, one after the other, and a sum as many bytes as it has. */
function linkOf(sums: ProbedSums, handOver: number): Link {
  const [few, many] = [sums[0], sums[sums.length - 1]];
  return {
    latency: Math.max(1e-6, (few.seconds - handOver) / 2),
    bandwidth: many.bytes / (many.seconds - few.seconds),
  };
}

function sumRows(sums: ProbedSums, handOver: number, link: Link): Row[] {
  return sums.slice(1).map(({ bytes, seconds }) => ({
    what: `sum of ${(bytes / 2 ** 20).toFixed(2)} MiB over 4 processes (theirs: the model)`,
    unit: 's',
    ours: seconds,
    theirs: sumSeconds(4, bytes, handOver, link),
    note: noteOf(4),
  }));
}

const config = ({ folder }: Context) => path.join(folder, 'processes-cost.yaml');

/**
 * Seconds of a step of 1, 2 and 4 processes of one thread each, and of one that has a single micro-batch: the fastest steps of all
 * rounds, which take turns: other programs slowed these least. Runs of one process are as many at a time as there are cores, so that all of these are busy too.
 */
async function measureSteps(context: Context): Promise<{ seconds: number[]; ofOneMicroBatch: number }> {
  const values = {
    model: { path: path.join(ROOT, 'data', 'models', 'llama-tiny') },
    // All is trained: the gradients are as large as the model.
    adapter: { method: 'full' },
    data: {
      sources: [{ path: writeLongRows(context, 8), format: 'alpaca' }],
      cutoffLength: 512,
      validationSize: 0,
    },
    train: {
      perDeviceBatchSize: 1,
      gradientAccumulationSteps: MICRO_BATCHES,
      maxSteps: STEPS,
      warmupSteps: 0,
    },
    device: { name: 'native', threads: 1 },
  };
  writeFileSync(config(context), stringify(values));
  const run = async (name: string, ...further: string[]) => {
    const output = path.join(context.folder, `processes-${name}`);
    const args = ['run', config(context), '--output', output, ...further];
    const ends = stepsOf(await measureEvolve(args, context.say));
    return ends.slice(WARM).map(({ at }, i) => at - ends[i + WARM - 1].at);
  };
  const onAllCores = async (...further: string[]) => {
    const names = Array.from({ length: os.availableParallelism() }, (_, i) => `alone-${i}`);
    return (await Promise.all(names.map((name) => run(name, ...further)))).flat();
  };
  const all: number[][] = [[], [], [], []];
  for (let round = 0; round < context.rounds; round++) {
    all[0].push(...(await onAllCores()));
    for (const [i, count] of [2, 4].entries())
      all[i + 1].push(...(await run(`${count}`, '--processes', `${count}`)));
    all[3].push(...(await onAllCores('--set', 'train.gradientAccumulationSteps=1')));
  }
  const [one, two, four, ofOneMicroBatch] = all.map((steps) => Math.min(...steps));
  return { seconds: [one, two, four], ofOneMicroBatch };
}

async function trainedParameters(context: Context): Promise<number> {
  const args = ['run', config(context), '--output', path.join(context.folder, 'processes-count')];
  const { events } = await measureEvolve([...args, '--set', 'train.maxSteps=1'], context.say);
  return events.find(({ event }) => event.type === 'start')?.event.trainableParameters as number;
}

/** Each process has a micro-batch and a core of its own, however many there are. */
function tellFurther({ say }: Context, name: string, step: StepFacts, link: Link): void {
  const one = step.microBatch + step.update;
  say(`${name}, ${(step.gradientBytes / 2 ** 20).toFixed(1)} MiB of gradients, a micro-batch a process:`);
  say('processes  ring                      tree                      step, s   efficiency');
  for (let count = 1; count <= 1024; count *= 2) {
    const alone = { ...step, microBatches: count, cores: Number.POSITIVE_INFINITY };
    const seconds = stepSeconds(count, alone, link);
    const ways = [ringSum, treeSum].map((sum) => {
      const { messages, bytes } = sum(count, step.gradientBytes);
      return `${messages} messages, ${(bytes / 2 ** 20).toFixed(1)} MiB`.padEnd(25);
    });
    const share = `${((100 * one) / seconds).toFixed(1)} %`;
    say(`${String(count).padEnd(10)} ${ways.join(' ')} ${seconds.toFixed(3).padEnd(9)} ${share}`);
  }
}

const microseconds = (seconds: number) => `${(1e6 * seconds).toFixed(0)} µs`;

function noteOf(processes: number): string {
  const cores = os.availableParallelism();
  if (processes === 1) return cores > 1 ? `${cores} such runs at a time` : '';
  return processes > cores ? `${processes} share ${cores} cores` : '';
}
