/**
 * A whole training step of SmolLM2-135M, 4 × 512 tokens: ours on weights in bf16 against PEFT's in its faster precision.
 * Both start from one adapter, so that the gradient norms must agree.
 */

import path from 'node:path';
import { definePlugin } from '../../core/index.js';
import { compose } from '../support/compose.js';
import { type Context, smollm2 } from './context.js';
import { writeLongRows } from './long-rows.js';
import { Others } from './machine.js';
import { BATCH, CUTOFF, LEARNING_RATE, LORA, peftOptions, SEED } from './settings.js';
import { median } from './statistics.js';
import type { Row } from './table.js';

interface Step {
  readonly seconds: number;
  readonly loss: number;
  readonly gradNorm: number;
}

export async function step(context: Context): Promise<Row[]> {
  const model = await smollm2(context);
  if (!model) return [];
  return [await against(context, model)];
}

async function against(context: Context, model: string): Promise<Row> {
  const { peer, rounds, device, precision: dtype, say } = context;
  const rows = writeLongRows(context, BATCH);
  const adapter = path.join(context.folder, `adapter-${dtype}`);
  const steps = rounds + 1;
  if (peer) {
    const options = peftOptions({ model, dtype, dropout: 0, warmupSteps: 0, steps });
    await peer.ask('openTraining', { options, rows, adapter });
  }
  const [ours, theirs]: [Step[], Step[]] = [[], []];
  let since = 0;
  const turns = definePlugin({
    name: 'turns',
    apiVersion: 2,
    apply(trainer) {
      trainer.hooks.log.tap((event) => {
        if (event.type === 'start') since = performance.now();
      });
      // The trainer waits for this tap: the peer takes its step while ours rests.
      trainer.hooks.step.tap(async ({ loss, gradNorm }) => {
        ours.push({ seconds: (performance.now() - since) / 1000, loss, gradNorm });
        if (peer) theirs.push(await peer.ask<Step>('trainingStep'));
        say(`… training step ${ours.length} of ${steps}`);
        since = performance.now();
      });
    },
  });
  const run = await compose(
    {
      model: { path: model },
      adapter: { ...LORA, dropout: 0, ...(peer ? { init: adapter } : {}) },
      data: {
        sources: [{ path: rows, format: 'alpaca' }],
        cutoffLength: CUTOFF,
        validationSize: 0,
        shuffle: false,
      },
      train: {
        perDeviceBatchSize: BATCH,
        gradientAccumulationSteps: 1,
        maxSteps: steps,
        warmupSteps: 0,
        learningRate: LEARNING_RATE,
        seed: SEED,
      },
      device,
      output: path.join(context.folder, 'step'),
    },
    { further: [turns] },
  );
  const others = new Others();
  await run.trainer.run();
  const speed = (all: Step[]) =>
    all.length === 0 ? null : (BATCH * CUTOFF) / median(all.slice(1).map(({ seconds }) => seconds));
  const first = (all: Step[]) =>
    all[0] ? `${all[0].gradNorm.toFixed(4)} (loss ${all[0].loss.toFixed(4)})` : '-';
  return {
    what: 'training step against PEFT',
    unit: 'tokens/s',
    ours: speed(ours),
    theirs: speed(theirs),
    note: `${peer ? `theirs in ${dtype}; ` : ''}gradient norm of step 1: ${first(ours)} / ${first(theirs)}`,
    others: others.share(),
    raw: { ours, theirs },
  };
}
