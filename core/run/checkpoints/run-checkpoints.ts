/** What a run does with checkpoints: it saves them, and an earlier run goes on from one of them. */

import { inject, injectable } from 'tsyringe';
import { EvolveError } from '../../base/errors.js';
import { HOOKS, RESOLVED_CONFIG, RUN_FOLDER } from '../../base/injection-keys.js';
import { displayPath } from '../../base/paths.js';
import { tf } from '../../base/tf.js';
import { packageVersion } from '../../base/version.js';
import type { RunConfig } from '../../config/load.js';
import type { LanguageModel } from '../../contracts/backbone.js';
import type { SplitRows } from '../../data/rows.js';
import type { Hooks } from '../../plugins/hooks.js';
import { linkFiles, type RunFolder, writing } from '../folder.js';
import { restoreState, saveState } from '../state.js';
import type { Training } from '../training.js';
import { differentPlugins, differentSettings } from './differences.js';
import { fingerprintOfModel, fingerprintOfRows, type RowsFingerprint } from './fingerprint.js';
import { CheckpointFolder } from './folder.js';
import {
  learnedFiles,
  type RunFacts,
  readFacts,
  readState,
  type SavedRun,
  writeState,
} from './state-files.js';

/** What a run keeps in adapter/ or model/. */
export interface Kept {
  /** The step of which it is; undefined if nothing is kept yet. */
  readonly savedStep: number | undefined;
  /** It stays, until a plugin asks for another save. */
  readonly isKept: boolean;
}

/** A checkpoint that is whole. */
export interface FoundCheckpoint {
  readonly folder: string;
  readonly facts: RunFacts;
}

@injectable()
export class RunCheckpoints {
  readonly #folder: CheckpointFolder;
  #modelFingerprint = '';
  #rowsFingerprint: RowsFingerprint | undefined;

  constructor(
    @inject(RUN_FOLDER) private readonly run: RunFolder,
    @inject(RESOLVED_CONFIG) private readonly config: RunConfig,
    @inject(HOOKS) private readonly hooks: Hooks,
  ) {
    this.#folder = new CheckpointFolder(run.path);
  }

  /**
   * Finds the checkpoint that the run of this folder goes on from; undefined if there is none, which the person is told.
   * It is of a run of the same settings, so far as they matter to the numbers.
   *
   * @throws EvolveError RESUME if settings differ that matter to the numbers, or no checkpoint is whole
   */
  async find(): Promise<FoundCheckpoint | undefined> {
    const tell = (message: string) => this.hooks.log.call({ type: 'notice', message });
    const found = await this.#folder.newest(tell);
    const place = displayPath(this.run.path);
    if (found === undefined) {
      if (await this.#folder.isThere()) {
        const advice = 'To start anew, leave --resume out: what is there is moved aside.';
        throw new EvolveError('RESUME', `no checkpoint in ${place} is whole`, advice);
      }
      tell(`there is no checkpoint in ${place}: the run starts anew`);
      return undefined;
    }
    const facts = await readFacts(found);
    refuseIf(differentSettings(facts.config, this.config), found);
    return { folder: found, facts };
  }

  /** Call it before the run claims its folder, which moves an earlier run aside, perhaps with the base model in it. */
  async prepare(model: LanguageModel): Promise<void> {
    this.#modelFingerprint = await fingerprintOfModel(model.path);
  }

  /**
   * Sets a training that has not begun to a checkpoint, and removes what was saved after it.
   *
   * @throws EvolveError RESUME if other variables are trained
   */
  async restore({ folder, facts }: FoundCheckpoint, training: Training): Promise<void> {
    const { state, variables } = await readState(folder, this.hooks);
    try {
      setVariables(training, variables, folder);
      await restoreState(state, training);
    } finally {
      tf.dispose([...state.optimizer.tensors.values()]);
    }
    if (training.world.rank === 0) {
      await this.#folder.removeAfter(facts.step);
      // A save after the checkpoint may have replaced it, or have ended in between.
      const saved = await this.#folder.whole(facts.savedStep);
      if (saved) await this.#publish(training.model, facts.savedStep as number, saved);
    }
    this.#announce(facts, training);
  }

  /**
   * Saves a checkpoint of the step that is done.
   *
   * @param kept what the run keeps once this is saved
   * @param publishes whether the adapter, or the model, of this step is that
   */
  async save(training: Training, kept: Kept, publishes: boolean): Promise<void> {
    const { model, progress, train } = training;
    const { step } = progress;
    const facts = await this.#factsOf(training, kept);
    const fill = async (folder: string) => {
      await this.run.fill(folder, model, step);
      await writeState(folder, await saveState(training), model.trainable, facts, this.hooks);
    };
    const publish = async (folder: string) => {
      if (publishes) await this.#publish(model, step, folder);
    };
    await writing('the checkpoint', this.#folder.path, async () => {
      await this.#folder.write(step, fill, publish);
      await this.#folder.prune(train.keepCheckpoints);
    });
  }

  /** Makes adapter/ or model/ that of a checkpoint. */
  async #publish(model: LanguageModel, step: number, folder: string): Promise<void> {
    const names = await learnedFiles(folder);
    await this.run.save(model, step, (to) => linkFiles(names, folder, to));
  }

  async #factsOf(training: Training, { savedStep, isKept }: Kept): Promise<RunFacts> {
    const { progress, totalSteps } = training;
    return {
      rows: this.#fingerprintOf(training.rows),
      model: this.#modelFingerprint,
      config: this.config,
      step: progress.step,
      totalSteps,
      savedStep: savedStep ?? null,
      isKept,
      evalLoss: progress.evaluatedStep === progress.step ? progress.metrics.evalLoss : null,
      device: deviceOf(training),
      version: packageVersion(),
    };
  }

  /** What model and rows are known by. The model was prepared. */
  fingerprintsOf(rows: SplitRows): string[] {
    return [this.#modelFingerprint, this.#fingerprintOf(rows).sha256];
  }

  /** Taken once: all saves of a run are of the same rows. */
  #fingerprintOf(rows: SplitRows): RowsFingerprint {
    this.#rowsFingerprint ??= fingerprintOfRows(rows);
    return this.#rowsFingerprint;
  }

  /**
   * Checks that a run of these rows, of the model that was prepared, can go on from a checkpoint.
   *
   * @throws EvolveError RESUME if rows or model are others, or more steps are done than the run is to have
   */
  compare({ folder, facts }: FoundCheckpoint, rows: SplitRows, totalSteps: number): void {
    const now = { model: this.#modelFingerprint, rows: this.#fingerprintOf(rows) };
    const differences: string[] = [];
    if (now.model !== facts.model) {
      const [was, is] = [facts.config, this.config].map(({ model }) => displayPath(model.path));
      differences.push(
        was === is ? `the files of ${is} have changed` : `model.path: ${was} then, other files in ${is} now`,
      );
    }
    if (now.rows.sha256 !== facts.rows.sha256) {
      const settings = differentSettings(facts.config, this.config, 'data');
      const [was, is] = [facts.rows, now.rows].map(({ train, validation }) => `${train} + ${validation}`);
      const rows = `the rows are others: ${was} held out then, ${is} now; data, tokenizer or template changed`;
      differences.push(was === is ? 'the rows have other tokens: data, tokenizer or template changed' : rows);
      differences.push(...settings);
    }
    refuseIf(differences, folder);
    if (facts.step <= totalSteps) return;
    throw new EvolveError(
      'RESUME',
      `${displayPath(folder)} has ${facts.step} steps done, more than the ${totalSteps} that the run is to have`,
      `Ask for ${facts.step} steps or more with train.maxSteps, or for more train.epochs. To start anew, leave --resume out: what is there is moved aside.`,
    );
  }

  #announce(facts: RunFacts, training: Training): void {
    const tell = (message: string) => this.hooks.log.call({ type: 'notice', message });
    const { totalSteps } = training;
    const { step } = facts;
    const device = deviceOf(training);
    if (facts.device !== device)
      tell(`the checkpoint is of ${facts.device}, this is ${device}: numbers may differ in the last digits`);
    const plugins = differentPlugins(facts.config, this.config);
    if (plugins.length > 0)
      tell(`plugins are not as they were, which may change the numbers: ${plugins.join('; ')}`);
    if (facts.version !== packageVersion())
      tell(`the checkpoint is of evolve ${facts.version}, this is ${packageVersion()}: numbers may differ`);
    if (step >= totalSteps) {
      // Which of both counts.
      const more = this.config.train.maxSteps === undefined ? 'train.epochs' : 'train.maxSteps';
      tell(`all ${totalSteps} steps are done; --set ${more}=… asks for more`);
    } else if (facts.totalSteps !== totalSteps) {
      tell(
        `the run had ${facts.totalSteps} steps and has ${totalSteps} now: from step ${step} on the learning rate is that of a run of ${totalSteps}`,
      );
    }
  }
}

function refuseIf(differences: readonly string[], checkpoint: string): void {
  if (differences.length === 0) return;
  throw new EvolveError(
    'RESUME',
    `the run cannot go on from ${displayPath(checkpoint)}: it would be another run\n${differences.join('\n')}`,
    'Set these as they were. To start anew, leave --resume out: what is there is moved aside.',
  );
}

const deviceOf = ({ device }: Training) => (device ? `${device.name} (${device.description})` : 'no device');

/** @throws EvolveError RESUME if other variables are trained */
export function setVariables(training: Training, saved: SavedRun['variables'], checkpoint: string): void {
  const { trainable } = training.model;
  const entry = ([name, { shape }]: [string, { shape: readonly number[] }]) => `${name} [${shape}]`;
  const [own, kept] = [[...trainable].map(entry), [...saved].map(entry)];
  const differing = [
    ...own
      .filter((entry) => !kept.includes(entry))
      .map((entry) => `${entry} is trained now, and was not then`),
    ...kept
      .filter((entry) => !own.includes(entry))
      .map((entry) => `${entry} was trained then, and is not now`),
  ];
  refuseIf(differing, checkpoint);
  for (const [name, { shape, values }] of saved) {
    const value = tf.tensor(values, [...shape]);
    trainable.get(name)?.assign(value);
    value.dispose();
  }
}
