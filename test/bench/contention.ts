/**
 * The main job and decoding beside other programs that never rest: wall time, CPU time, and how many times as long it
 * took as a fair share of the cores would. Fair is what each thread that wants a core gets where all get the same: with
 * t threads beside b busy loops on c cores, c · t / (t + b) cores. PyTorch in the same state beside it.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { usableCores } from '../../plugins/devices/native/cores.js';
import { withModel } from '../support/compose.js';
import { ROOT } from '../support/files.js';
import { type Context, smollm2 } from './context.js';
import { PROMPT_LENGTH, TOKENS, textOf, timeTokens } from './decode.js';
import { writeLongRows } from './long-rows.js';
import { cpuSeconds, Others } from './machine.js';
import { measureEvolve } from './processes.js';
import { BATCH, CUTOFF, peftOptions } from './settings.js';
import { median } from './statistics.js';
import type { Row } from './table.js';

const BUSY_LOOPS = [0, 2, 4];
/** Ends with its parent, however that ends. */
const BUSY = 'console.log(); for (const parent = process.ppid; process.ppid === parent; );';
const STEPS = 40;
const CONFIG = path.join(ROOT, 'configs', 'llama-alpaca-belle-cot.yaml');

/** What something took once. */
interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

export async function contention(context: Context): Promise<Row[]> {
  return [...(await training(context)), ...(await decoding(context))];
}

async function training(context: Context): Promise<Row[]> {
  const { peer, folder, device, precision } = context;
  const output = path.join(folder, 'contention');
  const args = ['run', CONFIG, '--set', `train.maxSteps=${STEPS}`, '--output', output, '--device', device];
  const ours = async () => {
    const { seconds, cpuSeconds: cpu } = await measureEvolve(args, () => {});
    return { wall: seconds, cpu: cpu ?? Number.NaN };
  };
  if (!peer) return compare(context, 'the main job', ours);
  // The same model; its rows are longer, since the peer's share is compared with the peer's own CPU time.
  const options = peftOptions({
    model: path.join(ROOT, 'data', 'models', 'llama-tiny'),
    dtype: precision,
    dropout: 0,
    warmupSteps: 0,
    steps: 1000,
  });
  const rows = writeLongRows(context, BATCH);
  await peer.ask('openTraining', { options, rows, adapter: path.join(folder, 'adapter-contention') });
  await peer.ask('trainingStep');
  // One step: where threads wait for each other it takes minutes.
  const step = () => peer.ask('trainingStep');
  const remark = `that is a step of ${BATCH} × ${CUTOFF} tokens in ${precision}`;
  return compare(context, 'the main job', ours, () => costOf(peer.pid, step), remark);
}

async function decoding(context: Context): Promise<Row[]> {
  const model = await smollm2(context);
  if (!model) return [];
  const { peer, device, precision } = context;
  await peer?.ask('openGeneration', { model, dtype: precision });
  return withModel({ model: { path: model }, device }, async (ours, { encoder }) => {
    const prompt = textOf(encoder, PROMPT_LENGTH);
    const decode = () => timeTokens(ours, prompt, 1, TOKENS);
    await decode();
    const theirs =
      peer && (() => costOf(peer.pid, () => peer.ask('decode', { prompt, rows: 1, tokens: TOKENS / 8 })));
    const remark = `SmolLM2-135M; theirs in ${precision}, an eighth of the tokens`;
    return compare(context, 'decoding', () => costOf(process.pid, decode), theirs, remark);
  });
}

/** The costs of both sides beside each number of busy loops, in turns. */
async function compare(
  { rounds, say }: Context,
  what: string,
  ours: () => Promise<Cost>,
  theirs?: () => Promise<Cost>,
  remark = '',
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const busy of BUSY_LOOPS) {
    const others = new Others();
    const costs: { ours: Cost[]; theirs: Cost[] } = { ours: [], theirs: [] };
    await beside(busy, async () => {
      for (let round = 0; round < Math.min(3, rounds); round++) {
        costs.ours.push(await ours());
        if (theirs) costs.theirs.push(await theirs());
      }
    });
    const note = [told(costs.ours), theirs && `theirs ${told(costs.theirs)}`, remark]
      .filter(Boolean)
      .join('; ');
    say(`${what} beside ${busy} busy loops: ${note}`);
    rows.push({
      what: `${what} beside ${busy} busy loops, of a fair share`,
      unit: '×',
      ours: median(costs.ours.map((cost) => excess(cost, busy))),
      theirs: theirs ? median(costs.theirs.map((cost) => excess(cost, busy))) : null,
      others: others.share(),
      note,
      raw: costs,
    });
  }
  return rows;
}

function told(costs: readonly Cost[]): string {
  const [wall, cpu] = (['wall', 'cpu'] as const).map((key) => median(costs.map((cost) => cost[key])));
  return `${wall.toFixed(1)} s, of CPU ${cpu.toFixed(1)} s`;
}

/** How many times as long it took as a fair share of the cores would. */
function excess({ wall, cpu }: Cost, busy: number): number {
  const cores = usableCores();
  const share = (cores * cores) / (cores + busy);
  return wall / (cpu / share);
}

async function costOf(pid: number, work: () => Promise<unknown>): Promise<Cost> {
  const [cpu, start] = [cpuSeconds(pid), performance.now()];
  await work();
  const wall = (performance.now() - start) / 1000;
  return { wall, cpu: (cpuSeconds(pid) ?? Number.NaN) - (cpu ?? Number.NaN) };
}

/** Lets `use` work beside so many processes that never rest. */
async function beside(count: number, use: () => Promise<void>): Promise<void> {
  const loops: ChildProcess[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const loop = spawn(process.execPath, ['-e', BUSY], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      loops.push(loop);
      await once(loop.stdout as NodeJS.EventEmitter, 'data');
    }
    await use();
  } finally {
    for (const loop of loops) loop.kill('SIGKILL');
  }
}
