/** From the command to the first optimizer step of SmolLM2-135M: when it begins, and when it is done. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { type Context, smollm2 } from './context.js';
import { writeLongRows } from './long-rows.js';
import { eventOf, type Measured, measureEvolve, measurePeft } from './processes.js';
import { BATCH, CUTOFF, LEARNING_RATE, LORA, peftOptions } from './settings.js';
import { median } from './statistics.js';
import type { Row } from './table.js';

export async function firstStep(context: Context): Promise<Row[]> {
  const model = await smollm2(context);
  if (!model) return [];
  const rows = writeLongRows(context, BATCH);
  const config = path.join(context.folder, 'first-step.yaml');
  const values = {
    model: { path: model },
    adapter: { ...LORA, dropout: 0 },
    data: { sources: [{ path: rows, format: 'alpaca' }], cutoffLength: CUTOFF, validationSize: 0 },
    train: {
      perDeviceBatchSize: BATCH,
      gradientAccumulationSteps: 1,
      maxSteps: 1,
      warmupSteps: 0,
      learningRate: LEARNING_RATE,
    },
    device: context.device,
  };
  writeFileSync(config, stringify(values));
  const peft = peftOptions({ model, dtype: context.precision, dropout: 0, warmupSteps: 0, steps: 1, rows });
  const ours: Measured[] = [];
  const theirs: Measured[] = [];
  for (let round = 0; round < context.rounds; round++) {
    const args = ['run', config, '--output', path.join(context.folder, 'first-step')];
    ours.push(await measureEvolve(args, context.say));
    if (context.peer) theirs.push(await measurePeft(peft, context.say));
  }
  const at = (all: Measured[], type: string) =>
    all.length === 0 ? null : median(all.map((measured) => eventOf(measured, type).at));
  const others = Math.max(...[...ours, ...theirs].map((measured) => measured.others ?? 0));
  const row = (what: string, type: string): Row => ({
    what,
    unit: 's',
    ours: at(ours, type),
    theirs: at(theirs, type),
    others,
    ...(context.peer && { note: `theirs in ${context.precision}` }),
    raw: { ours: ours.map((m) => eventOf(m, type).at), theirs: theirs.map((m) => eventOf(m, type).at) },
  });
  return [row('first step begins', 'start'), row('first step done', 'step')];
}
