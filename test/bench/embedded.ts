/** The embedded default, configs/llama-alpaca-belle-cot.yaml, from the command to the adapter. */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../support/files.js';
import type { Context } from './context.js';
import { measureScript, type ScriptShare } from './cpu-profile.js';
import { type Measured, measureEvolve, stepsOf } from './processes.js';
import { median } from './statistics.js';
import type { Row } from './table.js';

export async function embedded(context: Context): Promise<Row[]> {
  const config = path.join(ROOT, 'configs', 'llama-alpaca-belle-cot.yaml');
  const output = path.join(context.folder, 'embedded');
  const runs: Measured[] = [];
  const shares: ScriptShare[] = [];
  // The profiler tells kernels from JavaScript by the addon's file.
  const profiled = context.device === 'auto' || context.device === 'native';
  for (let round = 0; round < Math.min(3, context.rounds); round++) {
    const args = ['run', config, '--output', output, '--device', context.device];
    runs.push(await measureEvolve(args, context.say));
    if (profiled) shares.push(measureScript(args, context.folder));
  }
  if (!existsSync(path.join(output, 'adapter', 'adapter_model.safetensors')))
    throw new Error('no adapter was written');
  const steps = stepsOf(runs[0]).map(({ event }) => event as unknown as { loss: number; gradNorm: number });
  const last = steps[steps.length - 1];
  return [
    {
      what: 'embedded default, command to adapter',
      unit: 's',
      ours: median(runs.map(({ seconds }) => seconds)),
      theirs: null,
      others: Math.max(...runs.map(({ others }) => others ?? 0)),
      note: `loss ${steps[0].loss.toFixed(3)} -> ${last.loss.toFixed(3)}, gradient norm ${last.gradNorm.toFixed(3)}`,
      raw: runs,
    },
    ...shareRows(shares),
  ];
}

/** Of the main thread's time, what is spent outside of kernels. */
function shareRows(shares: readonly ScriptShare[]): Row[] {
  if (shares.length === 0) return [];
  const row = (where: string, of: (share: ScriptShare) => number): Row => ({
    what: `embedded default, JavaScript and garbage collection ${where}`,
    unit: '%',
    ours: median(shares.map(of)),
    theirs: null,
    note: "of the main thread's time, by node --cpu-prof",
    raw: shares,
  });
  return [row('within steps', ({ ofSteps }) => ofSteps), row('in the whole run', ({ ofRun }) => ofRun)];
}
