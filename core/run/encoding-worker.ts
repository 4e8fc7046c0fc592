/** A thread that encodes: it makes the encoder of a run for itself, and answers a batch of examples with its rows. */

import { on } from 'node:events';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { makeAssembly } from '../config/load.js';
import type { Example } from '../contracts/dataset.js';
import type { Encoder } from '../contracts/encoder.js';
import { encodeBatch } from '../data/encode-batch.js';
import type { WorkerAnswer, WorkerBatch } from '../data/encoding-pool.js';
import { loadPlugins } from '../plugins/load.js';
import { composeAssembly } from './compose.js';

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

if (parentPort) void serve(parentPort, workerData.encodesFor);
