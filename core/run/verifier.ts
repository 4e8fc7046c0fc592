/** Repeats the proof of a run's training, without changing anything in its folder: `evolve verify`. */

import path from 'node:path';
import { inject, injectable } from 'tsyringe';
import { interruptionOf } from '../base/breath.js';
import { EvolveError } from '../base/errors.js';
import { CONTEXT, HOOKS, PREPARATION, RUN_CONFIG } from '../base/injection-keys.js';
import { displayPath } from '../base/paths.js';
import { tf } from '../base/tf.js';
import type { RunConfig } from '../config/load.js';
import type { EncodedExample } from '../contracts/labels.js';
import type { RunResult, StepEvent, TrainingProof } from '../contracts/tracker.js';
import type { Hooks } from '../plugins/hooks.js';
import { setVariables } from './checkpoints/run-checkpoints.js';
import { readState } from './checkpoints/state-files.js';
import type { RunContext } from './context.js';
import { heldOutLoss } from './evaluate.js';
import { openWorld } from './plugin-parts.js';
import type { Preparation, Prepared } from './preparation.js';
import { newProgress } from './progress.js';
import { digestsOf } from './proof/digests.js';
import { proveTraining } from './proof/prove.js';
import { sampleOf } from './proof/sample-logits.js';
import { replay } from './replay.js';
import { RunWorld } from './run-world.js';
import { restoreState } from './state.js';
import { makeTraining, type Training } from './training.js';

/** A run that was done. */
export interface FinishedRun {
  readonly folder: string;
  readonly result: RunResult;
}

/** Which steps are done once more. */
export interface ReplayPlan {
  readonly steps: number;
  /** From the checkpoint of this step; from the beginning if it is 0. */
  readonly from: number;
}

/** What was found. */
export interface Verified {
  readonly proof: TrainingProof;
  /** The held-out loss before the first step, and of what was saved; null where no rows are held out. */
  readonly baseLoss: number | null;
  readonly savedLoss: number | null;
  /** What the rows begin with of which the proof has logits. */
  readonly sample: readonly EncodedExample[];
  readonly device: string;
}

@injectable()
export class Verifier {
  constructor(
    @inject(RUN_CONFIG) private readonly config: RunConfig,
    @inject(HOOKS) private readonly hooks: Hooks,
    @inject(PREPARATION) private readonly preparation: Preparation,
    @inject(CONTEXT) private readonly context: RunContext,
  ) {}

  /**
   * Makes the run's model as it was before the first step, does steps once more where that is asked for, and then holds what was saved
   * to it.
   *
   * @param tell hears of each step that is done once more
   * @throws EvolveError RESUME if there is no checkpoint of the step that is asked for
   */
  async verify(
    { folder, result }: FinishedRun,
    asked: ReplayPlan | undefined,
    tell: (event: StepEvent) => void,
  ): Promise<Verified> {
    try {
      const prepared = await this.preparation.make(() => this.#breathe());
      const training = await this.#training(prepared);
      try {
        const { model, rows, progress } = training;
        progress.proof.initial = await digestsOf(model.trainable);
        const loss = async () =>
          rows.validation.length > 0 ? (await heldOutLoss(training, rows.validation)).loss : null;
        const baseLoss = await loss();
        if (asked) {
          if (asked.from > 0)
            await this.#restore(path.join(folder, 'checkpoints', `step-${asked.from}`), training);
          for await (const event of replay(training, asked.steps)) tell(event);
        }
        const proof = await proveTraining({
          model,
          rows,
          hooks: this.hooks,
          schedule: training.schedule,
          // What is in memory is not what the run had in the end.
          progress: {
            ...progress,
            step: -1,
            proof: { ...progress.proof, gradNorm: result.proof?.gradNorm ?? null },
          },
          folder: path.join(folder, model.saves),
          savedStep: result.savedStep ?? 0,
        });
        const { device } = this.preparation;
        return {
          proof,
          baseLoss,
          savedLoss: await loss(),
          sample: sampleOf(rows),
          device: `${device?.name} (${device?.description})`,
        };
      } finally {
        training.undo.dispose();
        training.optimizer.dispose();
      }
    } finally {
      await this.preparation.free();
    }
  }

  async #training(prepared: Prepared): Promise<Training> {
    const { signal } = this.context;
    const world = new RunWorld(await openWorld(this.hooks), signal, () => interruptionOf(signal));
    return makeTraining(prepared, {
      train: this.config.train,
      device: this.preparation.device,
      rows: prepared.rows,
      progress: newProgress(),
      world,
      hooks: this.hooks,
      context: this.context,
      breathe: () => this.#breathe(),
    });
  }

  async #restore(checkpoint: string, training: Training): Promise<void> {
    const { initial } = training.progress.proof;
    const { state, variables } = await readState(checkpoint, this.hooks).catch((cause: unknown) => {
      if (cause instanceof EvolveError) throw cause;
      const message = `there is no checkpoint ${displayPath(checkpoint)} that can be read`;
      throw new EvolveError('RESUME', message, 'The folder checkpoints/ has those that there are.', {
        cause,
      });
    });
    try {
      setVariables(training, variables, checkpoint);
      await restoreState(state, training);
      training.progress.proof.initial = initial;
    } finally {
      tf.dispose([...state.optimizer.tensors.values()]);
    }
  }

  async #breathe(): Promise<void> {
    await new Promise(setImmediate);
    if (this.context.signal.aborted) throw interruptionOf(this.context.signal);
  }
}
