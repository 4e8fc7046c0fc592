/** A worker thread that makes an encoder of a configuration, and encodes with it what it is given. */

import { parentPort, workerData } from 'node:worker_threads';
import type { Example, Prompt } from '../../../core/index.js';
import { encoderOf } from '../../support/compose.js';

export interface Task {
  readonly values: Record<string, unknown>;
  readonly examples: readonly Example[];
  readonly prompt: Prompt;
}

const { values, examples, prompt } = workerData as Task;
const encoder = await encoderOf(values);
parentPort?.postMessage({
  rows: examples.map((example) => encoder.encode(example, 64)),
  prompt: encoder.encodePrompt(prompt),
});
