/** A thread that encodes: it makes the encoder of a run for itself, and answers a batch of examples with its rows. */

import { on } from 'node:events';
import { type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads';
import { type AssemblyConfig, makeAssembly } from '../config/load.js';
import type { Example } from '../contracts/dataset.js';
import type { Encoder } from '../contracts/encoder.js';
import { encodeBatch } from '../data/encode-batch.js';
import type { WorkerAnswer, WorkerBatch } from '../data/encoding-pool.js';
import { loadPlugins } from '../plugins/load.js';
import { composeAssembly } from './compose.js';

/** Without limits V8 collects so late that a worker takes twice the memory, and is no faster. */
const LIMITS = { maxOldGenerationSizeMb: 1024, maxYoungGenerationSizeMb: 8 };

/** Starts a worker that has the encoder of this configuration, as far as built-in plugins make it. */
export function startEncodingWorker({ model, data, train }: AssemblyConfig): Worker {
  const config = { model, data: { template: data.template }, train: { seed: train.seed } };
  return new Worker(new URL(import.meta.url), { workerData: { encodesFor: config }, resourceLimits: LIMITS });
}

async function serve(port: MessagePort, config: unknown): Promise<void> {
  const encoder = loadEncoder(config);
  // A fault is told in the main thread, which has the same encoder.
  encoder.catch(() => {});
  for await (const [batch] of on(port, 'message')) port.postMessage(await answer(batch, encoder));
}

async function loadEncoder(config: unknown): Promise<Encoder> {
  const assembly = makeAssembly(config);
  const plugins = await loadPlugins(assembly, (keys) => keys.join('.'), { trackers: [] });
  return composeAssembly(assembly, plugins).assembler.loadEncoder();
}

async function answer(
  { text, sources, languages, settings }: WorkerBatch,
  encoder: Promise<Encoder>,
): Promise<WorkerAnswer> {
  try {
    const examples = Buffer.from(text)
      .toString()
      .trimEnd()
      .split('\n')
      .map((line): Example => JSON.parse(line));
    return await encodeBatch({ examples, sources, languages }, await encoder, settings);
  } catch {
    return undefined;
  }
}

if (parentPort && workerData?.encodesFor) void serve(parentPort, workerData.encodesFor);
