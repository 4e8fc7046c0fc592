/**
 * Encodes batches of examples: in this thread at first, and in worker threads once that takes long. The rows are the same
 * wherever they are encoded, and come in the order in which batches were passed.
 */

import type { Worker } from 'node:worker_threads';
import { Breath } from '../base/breath.js';
import type { Encoder } from '../contracts/encoder.js';
import { type EncodedBatch, type EncodingSettings, type ExampleBatch, encodeBatch } from './encode-batch.js';

/** What a worker is sent: a batch, with its examples as JSON lines. */
export interface WorkerBatch extends Omit<ExampleBatch, 'examples'> {
  readonly text: Uint8Array;
  readonly settings: EncodingSettings;
}

/** What it answers. Without an answer the batch is encoded here, where what went wrong shows. */
export type WorkerAnswer = EncodedBatch | undefined;

/** A thread starts, and reads a tokenizer, in a second or less: what takes less by itself needs none. */
const PATIENCE_MS = 1000;

/** So many batches wait for each worker, so that it never waits for this thread. */
const AHEAD = 3;

export interface PoolParts {
  readonly encoder: Encoder;
  readonly settings: EncodingSettings;
  readonly signal: AbortSignal;
  /** Starts a worker that has the same encoder; absent if none can have it. */
  readonly startWorker?: (() => Worker) | undefined;
  /** How many workers there may be. */
  readonly workers: number;
}

export class EncodingPool {
  readonly #began = performance.now();
  #workers: EncodingWorker[] | undefined;

  constructor(private readonly parts: PoolParts) {}

  /** So many batches may be passed before the answer to the first is awaited. */
  get depth(): number {
    return this.#workers ? AHEAD * this.#workers.length : 1;
  }

  /** @param text the batch's examples, as JSON lines */
  async encode(batch: ExampleBatch, text: Buffer): Promise<EncodedBatch> {
    const { settings } = this.parts;
    if (this.#isLong) this.#workers ??= this.#startAll();
    const worker = this.#workers
      ?.filter(({ isOver }) => !isOver)
      .reduce<EncodingWorker | undefined>((a, b) => (a && a.waiting <= b.waiting ? a : b), undefined);
    const { sources, languages } = batch;
    const answer = await worker?.encode({ text, sources, languages, settings });
    return answer ?? this.#encodeHere(batch);
  }

  async close(): Promise<void> {
    await Promise.all((this.#workers ?? []).map((worker) => worker.end()));
  }

  get #isLong(): boolean {
    return this.parts.startWorker !== undefined && performance.now() - this.#began > PATIENCE_MS;
  }

  #startAll(): EncodingWorker[] {
    const { startWorker, workers } = this.parts;
    return startWorker ? Array.from({ length: workers }, () => new EncodingWorker(startWorker())) : [];
  }

  #encodeHere(batch: ExampleBatch): Promise<EncodedBatch> {
    const { encoder, settings, signal } = this.parts;
    const breath = new Breath(signal);
    return encodeBatch(batch, encoder, settings, () => (breath.isDue ? breath.take() : undefined));
  }
}

/** A worker thread, which answers in the order in which it is asked. */
class EncodingWorker {
  readonly #asked: ((answer: WorkerAnswer) => void)[] = [];
  /** It ended: out of memory, for example. */
  isOver = false;

  constructor(private readonly worker: Worker) {
    worker.on('message', (answer: WorkerAnswer) => this.#asked.shift()?.(answer));
    for (const event of ['error', 'exit', 'messageerror'] as const)
      worker.on(event, () => {
        this.isOver = true;
        for (const answer of this.#asked.splice(0)) answer(undefined);
      });
  }

  get waiting(): number {
    return this.#asked.length;
  }

  encode(batch: WorkerBatch): Promise<WorkerAnswer> {
    this.worker.postMessage(batch);
    return new Promise((resolve) => this.#asked.push(resolve));
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }
}
