/** What a run makes before its first step: the rows, then the model. */

import { inject, injectable } from 'tsyringe';
import { EvolveError } from '../base/errors.js';
import { CONTEXT, CORPUS_MAKER, MODEL_ASSEMBLER, RUN_CONFIG } from '../base/injection-keys.js';
import type { RunConfig } from '../config/load.js';
import type { Device } from '../contracts/device.js';
import type { Encoder } from '../contracts/encoder.js';
import { describeLengthLimit, type LengthLimit } from '../contracts/length-limit.js';
import type { Corpus, CorpusMaker } from '../data/corpus.js';
import { type SplitRows, splitRows } from '../data/rows.js';
import type { AssembledModel, ModelAssembler } from '../model/assemble.js';
import type { RunContext } from './context.js';
import { startEncodingWorker } from './start-encoding-worker.js';

/** A model, and what it is trained on. */
export interface Prepared extends AssembledModel {
  readonly rows: SplitRows;
}

@injectable()
export class Preparation {
  /** Null before it is opened. */
  device: Device | null = null;
  #corpus: Corpus | undefined;
  #assembled: AssembledModel | undefined;

  constructor(
    @inject(RUN_CONFIG) private readonly config: RunConfig,
    @inject(CORPUS_MAKER) private readonly corpusMaker: CorpusMaker,
    @inject(MODEL_ASSEMBLER) private readonly assembler: ModelAssembler,
    @inject(CONTEXT) private readonly context: RunContext,
  ) {}

  /** The rows alone, which take no model. */
  async rows(): Promise<{ encoder: Encoder; rows: SplitRows }> {
    const { encoder, corpus } = await this.#readData();
    return { encoder, rows: splitRows(corpus, this.config) };
  }

  /** The data comes before the model: its faults are then found in seconds, whatever the model's size. */
  async make(breathe: () => Promise<void>): Promise<Prepared> {
    const { corpus } = await this.#readData();
    await breathe();
    this.device = await this.assembler.openDevice();
    const assembled = await this.assembler.assemble();
    this.#assembled = assembled;
    this.context.assembled(assembled);
    checkLength(this.config.data.cutoffLength, assembled.model);
    return { ...assembled, rows: splitRows(corpus, this.config) };
  }

  async #readData(): Promise<{ encoder: Encoder; corpus: Corpus }> {
    const encoder = await this.assembler.loadEncoder();
    if (encoder.limit) checkLength(this.config.data.cutoffLength, encoder.limit);
    const identity = this.assembler.encoderIdentity;
    const startWorker = () => startEncodingWorker(this.config);
    const corpus = await this.corpusMaker.make({ encoder, identity, startWorker });
    this.#corpus = corpus;
    return { encoder, corpus };
  }

  /** A name under which the files of `name`, a path or name of the configuration, can be found again. */
  pinned(name: string, kind: 'model' | 'adapter'): string {
    return this.assembler.pinned(name, kind);
  }

  async free(): Promise<void> {
    this.#assembled?.dispose();
    await this.#corpus?.store.close();
  }
}

/** @throws EvolveError MODEL_INVALID if rows may be longer than the model takes */
function checkLength(cutoffLength: number, model: LengthLimit): void {
  if (cutoffLength <= model.maxLength) return;
  const message = `data.cutoffLength is ${cutoffLength}, but ${describeLengthLimit(model)}`;
  const advice = `Set data.cutoffLength to ${model.maxLength} or less.`;
  throw new EvolveError('MODEL_INVALID', message, advice, { at: ['data', 'cutoffLength'] });
}
