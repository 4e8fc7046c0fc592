/** What adapter plugins get when a run saves. */

import type { LanguageModel } from './backbone.js';
import type { CheckpointWrite } from './checkpoint.js';

/** What the `save` hook passes: a folder to fill. It gets its final name when every tap is done. */
export interface SaveRequest {
  readonly folder: string;
  readonly model: LanguageModel;
  /** Optimizer steps done. */
  readonly step: number;
  writeTensors(request: CheckpointWrite): Promise<void>;
}
