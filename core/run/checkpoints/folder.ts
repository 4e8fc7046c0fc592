/**
 * The checkpoints of a run: `checkpoints/step-N/`, each a moment from which the run can go on. Each is a folder that PEFT
 * loads, too. A checkpoint has its name when the disk has it whole.
 */

import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { displayPath } from '../../base/paths.js';
import { damageOf, seal, sync } from './checksums.js';
import { readFacts } from './state-files.js';

const FOLDER = 'checkpoints';
const PARTIAL = '.partial';

export class CheckpointFolder {
  readonly path: string;

  /** @param output the folder of the run */
  constructor(output: string) {
    this.path = path.join(output, FOLDER);
  }

  /** Whether there is a checkpoint, whole or not. */
  async isThere(): Promise<boolean> {
    return (await this.#steps()).length > 0;
  }

  /**
   * Writes the checkpoint of a step.
   *
   * @param fill writes its files into the folder that it is given
   * @param before called when all is on the disk, just before the checkpoint gets its name
   */
  async write(
    step: number,
    fill: (folder: string) => Promise<void>,
    before: (folder: string) => Promise<void>,
  ): Promise<void> {
    const folder = this.#folderOf(step);
    const partial = folder + PARTIAL;
    try {
      await rm(partial, { recursive: true, force: true });
      // One by one: a recursive mkdir names the wrong reason where the disk is read-only.
      if (!existsSync(this.path)) await mkdir(this.path);
      await mkdir(partial);
      await fill(partial);
      await seal(partial);
      await before(partial);
      // A run that goes on from a step before writes this one again.
      await remove(folder);
      await rename(partial, folder);
      await sync(this.path);
    } catch (error) {
      await rm(partial, { recursive: true, force: true }).catch(() => {});
      throw error;
    }
  }

  /** The newest checkpoint that is whole. @param tell hears of those that are damaged */
  async newest(tell: (message: string) => void): Promise<string | undefined> {
    for (const step of (await this.#steps()).reverse()) {
      const folder = this.#folderOf(step);
      const damage = await damageOf(folder);
      if (damage === undefined) return folder;
      tell(`the checkpoint ${displayPath(folder)} is damaged (${damage}), and is passed over`);
    }
    return undefined;
  }

  /** The checkpoint of a step; undefined if it is not there, or damaged. */
  async whole(step: number | null): Promise<string | undefined> {
    if (step === null) return undefined;
    const folder = this.#folderOf(step);
    return (await damageOf(folder)) === undefined ? folder : undefined;
  }

  /** Removes what is older than the `count` newest ones, but not the one of the lowest held-out loss. */
  async prune(count: number): Promise<void> {
    const steps = await this.#steps();
    const best = await this.#best(steps);
    for (const step of steps.slice(0, -count)) {
      if (step !== best) await remove(this.#folderOf(step));
    }
  }

  /** Removes what comes after a step, and what a killed process left half-written. */
  async removeAfter(step: number): Promise<void> {
    for (const later of (await this.#steps()).filter((number) => number > step))
      await remove(this.#folderOf(later));
    for (const name of await this.#names())
      if (name.endsWith(PARTIAL)) await rm(path.join(this.path, name), { recursive: true, force: true });
  }

  async #best(steps: readonly number[]): Promise<number | undefined> {
    let best: { step: number; loss: number } | undefined;
    for (const step of steps) {
      const loss = (await readFacts(this.#folderOf(step)).catch(() => undefined))?.evalLoss ?? null;
      if (loss !== null && loss < (best?.loss ?? Number.POSITIVE_INFINITY)) best = { step, loss };
    }
    return best?.step;
  }

  #folderOf(step: number): string {
    return path.join(this.path, `step-${step}`);
  }

  /** In ascending order. */
  async #steps(): Promise<number[]> {
    const numbers = (await this.#names()).map((name) => /^step-(\d+)$/.exec(name)?.[1]);
    return numbers
      .filter((number) => number !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
  }

  async #names(): Promise<string[]> {
    return readdir(this.path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
  }
}

/** A process that is killed meanwhile leaves no part of it under its name. */
async function remove(folder: string): Promise<void> {
  const going = `${folder}.removed${PARTIAL}`;
  await rm(going, { recursive: true, force: true });
  await rename(folder, going).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rm(going, { recursive: true, force: true });
}
