/** What a run saves of what it learned, and when: the adapter or the model, and checkpoints. */

import path from 'node:path';
import { inject, injectable } from 'tsyringe';
import { quoted } from '../base/command-line.js';
import { EvolveError, messageOf } from '../base/errors.js';
import { HOOKS, RUN_CHECKPOINTS, RUN_FOLDER } from '../base/injection-keys.js';
import { displayPath } from '../base/paths.js';
import type { TrainingProof } from '../contracts/tracker.js';
import type { Hooks } from '../plugins/hooks.js';
import type { FoundCheckpoint, RunCheckpoints } from './checkpoints/run-checkpoints.js';
import type { RunFolder } from './folder.js';
import { isTold, type SaveWish, takeBack } from './loop.js';
import { type Digests, digestsOf } from './proof/digests.js';
import { type ProofParts, proveTraining } from './proof/prove.js';
import { checkSavable } from './savable.js';
import type { Training } from './training.js';

/** What one save writes. */
interface SavePlan {
  /** The adapter, or the model, under its final name. */
  readonly publishes: boolean;
  /** That stays, until a plugin asks for another save. */
  readonly isKept: boolean;
  /** A checkpoint, if the run has them. */
  readonly withState: boolean;
}

@injectable()
export class RunSaves {
  #training: Training | undefined;
  /** Undefined while nothing is saved. */
  #savedStep: number | undefined;
  #isKept = false;
  /** Of the newest checkpoint. */
  #checkpointStep: number | undefined;
  #savedDigests: Digests | undefined;

  constructor(
    @inject(RUN_FOLDER) private readonly folder: RunFolder,
    @inject(RUN_CHECKPOINTS) private readonly checkpoints: RunCheckpoints,
    @inject(HOOKS) private readonly hooks: Hooks,
  ) {}

  /** The step of which the adapter or model in the output folder is; undefined if none was saved. */
  get savedStep(): number | undefined {
    return this.#savedStep;
  }

  /** Call it before the first step. @param checkpoint from which the training goes on */
  async begin(training: Training, checkpoint: FoundCheckpoint | undefined): Promise<void> {
    this.#training = training;
    if (checkpoint === undefined) return;
    const { facts } = checkpoint;
    this.#savedStep = facts.savedStep ?? undefined;
    this.#isKept = facts.isKept;
    this.#checkpointStep = facts.step;
    await this.checkpoints.restore(checkpoint, training);
  }

  /** A save is due, or was asked for. Where a plugin has another one kept, there is a checkpoint alone. */
  async save(training: Training, { isAsked, keep }: SaveWish): Promise<void> {
    const publishes = isAsked || !this.#isKept;
    await this.#write(training, { publishes, isKept: this.#isKept || keep, withState: true });
  }

  /**
   * Keeps what was learned so far, whatever ended the run. Without a checkpoint, if none can be written; a last step that
   * cannot be saved is taken back.
   */
  async saveAfter(failure: unknown, training: Training, hasState = true): Promise<void> {
    const { step } = training.progress;
    const publishes = !this.#isKept && step !== (this.#savedStep ?? 0);
    // Where the disk takes no more, the little that a result needs may still find room.
    const isFull = failure instanceof EvolveError && failure.code === 'WRITE_FAILED';
    const withState = hasState && !isFull && step !== (this.#checkpointStep ?? 0) && isTold(training);
    if (!publishes && !withState) return;
    try {
      await this.#write(training, { publishes, isKept: this.#isKept, withState });
    } catch (error) {
      const isNotFinite = error instanceof EvolveError && error.code === 'NOT_FINITE';
      // A plugin's fault in saveState takes nobody's adapter.
      if (withState && publishes && !isNotFinite) return this.saveAfter(error, training, false);
      const message = `the ${training.model.saves} of step ${step} cannot be saved: ${messageOf(error)}`;
      const kept = this.#savedStep ? `; that of step ${this.#savedStep} is kept` : '';
      this.hooks.log.call({ type: 'notice', message: `${message}${kept}` });
      if (isNotFinite && takeBack(training)) await this.saveAfter(error, training);
    }
  }

  async #write(training: Training, { publishes, isKept, withState }: SavePlan): Promise<void> {
    const { model, progress, world } = training;
    const { step } = progress;
    await checkSavable(model.trainable, step);
    const isCheckpoint = withState && hasCheckpoints(training);
    const savedStep = publishes ? step : this.#savedStep;
    // One process of a run writes, and all know what is there.
    if (world.rank === 0) {
      if (isCheckpoint) await this.checkpoints.save(training, { savedStep, isKept }, publishes);
      else if (publishes)
        await this.folder.save(model, step, (folder) => this.folder.fill(folder, model, step));
    }
    // Only of what stays is a later step in memory in the end.
    if (publishes && isKept && world.rank === 0) this.#savedDigests = await digestsOf(model.trainable);
    if (isCheckpoint) this.#checkpointStep = step;
    this.#savedStep = savedStep;
    this.#isKept = isKept;
  }

  /** Proof that what is saved is what was trained; undefined in processes that do not write, and where nothing is saved. */
  async prove(training: Training): Promise<TrainingProof | undefined> {
    const savedStep = this.#savedStep;
    if (training.world.rank !== 0 || savedStep === undefined) return undefined;
    const { model, rows, hooks, progress, schedule } = training;
    const folder = path.join(this.folder.path, model.saves);
    const parts: ProofParts = { model, rows, hooks, progress, schedule, folder, savedStep };
    return proveTraining({ ...parts, savedDigests: this.#savedDigests });
  }

  /** A sentence with this verb that says where the result will be, if the run ends now; empty if there is none. */
  kept(verb: string): string {
    const step = this.#stepLeft;
    if (step === 0) return '';
    return `The ${this.#saves} of step ${step} ${verb} in ${displayPath(this.folder.path)}/${this.#saves}. `;
  }

  /** Says how the run can go on if it ends now, or, without a checkpoint, how another can begin with what it learned. */
  goOn(): string {
    const training = this.#training;
    const willBe = training !== undefined && training.progress.step > 0 && hasCheckpoints(training);
    if (willBe || this.#checkpointStep !== undefined) return 'To go on: the same command with --resume.';
    if (this.#stepLeft === 0) return '';
    const key = this.#saves === 'adapter' ? 'adapter.init' : 'model.path';
    const folder = path.join(this.folder.path, this.#saves);
    const words = ['--set', `${key}=${folder}`, '--output', `${displayPath(this.folder.path)}-on`];
    return `To train on from it: the same command with ${words.map(quoted).join(' ')}`;
  }

  get #saves(): 'adapter' | 'model' {
    return this.#training?.model.saves ?? 'adapter';
  }

  /** The step whose adapter or model the run leaves, if it ends now. */
  get #stepLeft(): number {
    return (this.#isKept ? this.#savedStep : undefined) ?? this.#training?.progress.step ?? 0;
  }
}

/** Once an update was taken back, what the optimizer keeps is of another step than the variables. */
function hasCheckpoints({ train, undo }: Training): boolean {
  return train.keepCheckpoints > 0 && !undo.isUsed;
}
