/**
 * What a step asks of a card, found without one: `EVOLVE_EMULATED_IDLE=1 node idle.js '{"storage":"int8", …}'` takes steps on the
 * emulated driver while it computes nothing, and prints launches, reads, milliseconds of JavaScript, and memory as JSON. Of the
 * weights nothing is copied, so that a 30B takes no more than its names.
 */

import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { LanguageModel } from '../../core/index.js';
import { adamw } from '../../core/ops/adamw.js';
import { globalNorm } from '../../core/ops/global-norm.js';
import { variableGradients } from '../../core/ops/gradients.js';
import type { CudaBackend } from '../../plugins/devices/cuda/backend.js';
import { Kernel } from '../../plugins/devices/cuda/driver.js';
import { emulatedDriver } from '../../plugins/devices/cuda/emulated.js';
import { LORA } from '../bench/settings.js';
import { compose } from '../support/compose.js';
import { labelled } from '../support/rows.js';
import { modelFolder, randomModel } from './model.js';
import type { Job } from './plan.js';

export interface Asked {
  readonly launches: number;
  /** Reads of the card, of which each waits for it. */
  readonly reads: number;
  /** CPU time of a step. */
  readonly milliseconds: number;
  readonly peakBytes: number;
  /** Launches by kernel. */
  readonly kernels: Record<string, number>;
}

const backend = () => tf.backend() as unknown as CudaBackend;

/** One optimizer step as core/run/step.ts takes it, but that nobody looks whether loss and norm are numbers. */
function step(model: LanguageModel, { rows, cutoff, vocabulary }: Job): void {
  const ids = Array.from({ length: cutoff }, (_, i) => (7 * i) % vocabulary);
  const batch = model.collate(Array.from({ length: rows }, () => labelled(ids)));
  const pass = { training: true, seed: 1, checkpointing: true };
  const { loss, gradients } = variableGradients(
    () => tf.div(model.crossEntropy(batch, pass), batch.targets) as tf.Scalar,
    model.trainable,
  );
  loss.dataSync();
  const found = [...gradients.values()];
  globalNorm(found).dataSync();
  const values = [...model.trainable.values()] as tf.Tensor[];
  const states = values.map((value) => ({ mean: tf.zerosLike(value), square: tf.zerosLike(value) }));
  const options = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
  adamw(values, found, states, { ...options, step: 1, gradientScale: 1 });
}

async function measure(job: Job): Promise<Asked> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'evolve-idle-'));
  try {
    const run = await compose(
      {
        model: { path: modelFolder(folder, job) },
        quantizer: 'none',
        adapter: { ...LORA, dropout: 0 },
        device: { name: 'cuda', driver: emulatedDriver() },
      },
      { further: randomModel(job.storage) },
    );
    await run.assembler.openDevice();
    const { model } = await run.assembler.assemble();
    const kernels: Record<string, number> = {};
    const { launch } = Kernel.prototype;
    Kernel.prototype.launch = function (...args) {
      kernels[this.name] = (kernels[this.name] ?? 0) + 1;
      launch.apply(this, args);
    };
    let reads = 0;
    const { addon } = backend().driver;
    const { download } = addon;
    addon.download = (...args) => {
      reads++;
      if (process.env.EVOLVE_TRACE) console.error(new Error().stack);
      download.apply(addon, args);
    };
    const times: number[] = [];
    // The first step also lets JavaScript be compiled.
    for (let i = 0; i < job.steps; i++) {
      for (const name of Object.keys(kernels)) delete kernels[name];
      reads = 0;
      const start = process.cpuUsage();
      tf.tidy(() => step(model, job));
      const { user, system } = process.cpuUsage(start);
      times.push((user + system) / 1000);
    }
    const launches = Object.values(kernels).reduce((sum, count) => sum + count, 0);
    const milliseconds = Math.min(...times);
    return { launches, reads, milliseconds, peakBytes: backend().pool.peakBytes, kernels };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

tf.enableProdMode();
console.log(JSON.stringify(await measure(JSON.parse(process.argv[2]))));
