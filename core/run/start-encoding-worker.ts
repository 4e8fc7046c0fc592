import { Worker } from 'node:worker_threads';
import type { AssemblyConfig } from '../config/load.js';

/** Without limits V8 collects so late that a worker takes twice the memory, and is no faster. */
const LIMITS = { maxOldGenerationSizeMb: 1024, maxYoungGenerationSizeMb: 8 };

/** Starts a worker that has the encoder of this configuration, as far as built-in plugins make it. */
export function startEncodingWorker({ model, data, train }: AssemblyConfig): Worker {
  const config = { model, data: { template: data.template }, train: { seed: train.seed } };
  const file = new URL('./encoding-worker.js', import.meta.url);
  return new Worker(file, { workerData: { encodesFor: config }, resourceLimits: LIMITS });
}
