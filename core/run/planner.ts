import { inject, injectable } from 'tsyringe';
import { BAD_ROWS, RESOLVED_CONFIG, RUN_CHECKPOINTS } from '../base/injection-keys.js';
import type { RunConfig } from '../config/load.js';
import type { Device } from '../contracts/device.js';
import type { BadRows } from '../data/bad-rows.js';
import type { RunCheckpoints } from './checkpoints/run-checkpoints.js';
import { type Plan, planOf } from './plan.js';
import type { Prepared } from './preparation.js';
import type { Probe } from './probe.js';
import { countParameters } from './start-event.js';
import { countSteps } from './training.js';

/** Makes the plan of a run that is prepared. */
@injectable()
export class Planner {
  constructor(
    @inject(RESOLVED_CONFIG) private readonly config: RunConfig,
    @inject(RUN_CHECKPOINTS) private readonly checkpoints: RunCheckpoints,
    @inject(BAD_ROWS) private readonly badRows: BadRows,
  ) {}

  /** @param probe what two steps took; without it the plan has neither memory nor time */
  planOf({ model, encoder, rows }: Prepared, device: Device | null, probe?: Probe): Plan {
    const { totalSteps, rowsPerStep } = countSteps({ train: this.config.train, rows });
    const parts = {
      config: this.config,
      rows,
      encoder,
      model,
      device: device?.description ?? '',
      parameters: countParameters(model),
      steps: totalSteps,
      rowsPerStep,
      fingerprints: this.checkpoints.fingerprintsOf(rows),
      badRows: this.badRows.rows.length,
    };
    return planOf(parts, probe);
  }
}
