/**
 * The output folder of a run: config.yaml, metrics.jsonl, adapter/ or model/, run.json. Nothing under a final name is ever
 * half-written, and an earlier run's folder is moved aside, not overwritten.
 */

import { existsSync } from 'node:fs';
import { constants, copyFile, link, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inject, injectable } from 'tsyringe';
import { stringify } from 'yaml';
import { EvolveError, messageOf } from '../base/errors.js';
import { HOOKS, RESOLVED_CONFIG, RUN_CONFIG } from '../base/injection-keys.js';
import { LOCK, unlock } from '../base/lock.js';
import { displayPath } from '../base/paths.js';
import { checkWritable } from '../base/writable.js';
import type { RunConfig } from '../config/load.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { RunResult } from '../contracts/tracker.js';
import type { BadRows } from '../data/bad-rows.js';
import type { ModelAssembler } from '../model/assemble.js';
import type { Hooks } from '../plugins/hooks.js';
import { sync } from './checkpoints/checksums.js';
import { lock, refuseIfLocked } from './lock.js';

/** What marks a folder as a run's. */
const MARK = 'config.yaml';

@injectable()
export class RunFolder {
  readonly path: string;
  #isLocked = false;

  constructor(
    @inject(RUN_CONFIG) config: RunConfig,
    @inject(RESOLVED_CONFIG) private readonly resolved: RunConfig,
    @inject(HOOKS) private readonly hooks: Hooks,
  ) {
    this.path = config.output;
  }

  /** Before anything is loaded: can the folder be written, and is it free or a run's? */
  async check(): Promise<void> {
    const advice = 'Name another folder with --output.';
    const entries = await readdir(this.path).catch((error: NodeJS.ErrnoException) => {
      // checkWritable says what is wrong with a path that is no folder.
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw new EvolveError('OUTPUT_FOLDER', `output: ${displayPath(this.path)}: ${error.message}`, advice);
    });
    refuseIfLocked(this.path);
    const others = entries?.filter((name) => !isLeftover(name)) ?? [];
    if (others.length > 0 && !others.includes(MARK)) {
      throw new EvolveError(
        'OUTPUT_FOLDER',
        `output: ${displayPath(this.path)} holds files that are not a run's`,
        advice,
      );
    }
    await checkWritable(this.path, 'output');
  }

  /**
   * Makes the folder this run's, and locks it until `release`. That of an earlier run is renamed to NAME.1, NAME.2, ….
   * config.yaml names a hub's models by their commit, as `pinned` says: the run can be repeated whatever becomes of the branch.
   *
   * @throws EvolveError OUTPUT_FOLDER if another run writes there
   */
  async claim(pinned: ModelAssembler['pinned']): Promise<void> {
    const earlier = await this.#take().catch((cause: unknown) => this.#refuse(cause));
    await this.#writeConfig(pinned, earlier);
  }

  /**
   * Locks the folder of an earlier run until `release`, and changes nothing in it.
   *
   * @throws EvolveError OUTPUT_FOLDER if another run writes there
   */
  async hold(): Promise<void> {
    if (existsSync(path.join(this.path, MARK)))
      await this.#lock().catch((cause: unknown) => this.#refuse(cause));
  }

  /** The same as `claim`, for a run that goes on in the folder as it is. */
  async reclaim(pinned: ModelAssembler['pinned']): Promise<void> {
    await this.#takeBackPrevious(this.path, await readdir(this.path)).catch((cause: unknown) =>
      this.#refuse(cause),
    );
    await this.#writeConfig(pinned, undefined);
  }

  #refuse(cause: unknown): never {
    if (cause instanceof EvolveError) throw cause;
    const message = `output: ${displayPath(this.path)} cannot be written: ${messageOf(cause)}`;
    throw new EvolveError('OUTPUT_FOLDER', message, 'Name another folder with --output.', { cause });
  }

  /** @param earlier where an earlier run of this folder is now */
  async #writeConfig(pinned: ModelAssembler['pinned'], earlier: string | undefined): Promise<void> {
    const header = '# This run, as resolved. `evolve run` on this file does it again, in this folder.\n';
    const { model, adapter } = this.resolved;
    const config = {
      ...this.resolved,
      model: { ...model, path: pinned(model.path, 'model') },
      adapter:
        typeof adapter.init === 'string' ? { ...adapter, init: pinned(adapter.init, 'adapter') } : adapter,
    };
    const found = earlier === undefined ? config : withMoved(config, this.path, earlier);
    await this.#write(MARK, header + stringify({ ...found, output: this.path }));
  }

  /** Lets other runs have the folder. Call it when nothing is written any more. */
  async release(): Promise<void> {
    if (this.#isLocked) await unlock(this.path);
    this.#isLocked = false;
  }

  /** Locks the folder, and empties it. Returns where an earlier run is now. */
  async #take(): Promise<string | undefined> {
    await this.#lock();
    const held = (await readdir(this.path)).filter((name) => !isLeftover(name));
    return held.length > 0 ? this.#moveEarlierRun(held) : undefined;
  }

  async #lock(): Promise<void> {
    if (this.#isLocked) return;
    await lock(this.path);
    this.#isLocked = true;
  }

  /** Renames the folder, which this run has locked. Returns the new name. */
  async #moveEarlierRun(entries: readonly string[]): Promise<string> {
    const tell = (message: string) => this.hooks.log.call({ type: 'notice', message });
    let number = 1;
    while (await stat(`${this.path}.${number}`).catch(() => undefined)) number++;
    const earlier = `${this.path}.${number}`;
    await rename(this.path, earlier);
    this.#isLocked = false;
    await unlock(earlier);
    tell(`${displayPath(this.path)} held an earlier run, which is now ${displayPath(earlier)}`);
    await this.#takeBackPrevious(earlier, entries);
    await this.#lock();
    return earlier;
  }

  /** A run that was killed between the two renames of a save left no adapter, or model, but the one before under another name. */
  async #takeBackPrevious(folder: string, entries: readonly string[]): Promise<void> {
    for (const name of ['adapter', 'model']) {
      if (!entries.includes(`${name}.previous`) || entries.includes(name)) continue;
      await rename(path.join(folder, `${name}.previous`), path.join(folder, name));
      const message = `that run ended in the middle of a save: its ${name} is that of the save before`;
      this.hooks.log.call({ type: 'notice', message });
    }
  }

  /**
   * Makes adapter/ or model/ anew. The folder gets this name when it is whole.
   *
   * @param fill writes the files into the folder that it is given
   */
  async save({ saves }: LanguageModel, step: number, fill: (folder: string) => Promise<void>): Promise<void> {
    const folder = path.join(this.path, saves);
    const partial = `${folder}.partial`;
    await writing(`the ${saves}`, folder, async () => {
      try {
        await rm(partial, { recursive: true, force: true });
        await mkdir(partial);
        await fill(partial);
        await replace(folder, partial);
      } catch (error) {
        await rm(partial, { recursive: true, force: true }).catch(() => {});
        throw error;
      }
    });
    this.hooks.log.call({ type: 'save', step, path: folder });
  }

  /** Has the `save` hook write the adapter, or the model, into a folder that is there. */
  async fill(folder: string, model: LanguageModel, step: number): Promise<void> {
    await this.hooks.save.promise({
      folder,
      model,
      step,
      writeTensors: async (request) => {
        if (await this.hooks.writeCheckpoint.promise(request)) return;
        throw new Error(`no checkpoint format writes ${path.basename(request.path)}`);
      },
    });
  }

  /** Lists the records that were left out as faulty, where there are some. */
  async writeSkipped(rows: BadRows['rows']): Promise<void> {
    if (rows.length === 0) return;
    await this.#write('skipped.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }

  async writeResult(result: RunResult): Promise<void> {
    await this.#write('run.json', `${JSON.stringify(result, null, 2)}\n`);
  }

  async #write(name: string, text: string): Promise<void> {
    const file = path.join(this.path, name);
    try {
      await writeFile(`${file}.partial`, text);
      await rename(`${file}.partial`, file);
    } catch (cause) {
      const message = `${displayPath(file)} cannot be written: ${messageOf(cause)}`;
      throw new EvolveError('WRITE_FAILED', message, 'Make room or choose another --output.', { cause });
    }
  }
}

/** What a run leaves that was killed before it had its configuration. */
function isLeftover(name: string): boolean {
  return name.startsWith(LOCK) || name === `${MARK}.partial`;
}

/** Lets `write` work; if the system refuses to, says what could not be written where. */
export async function writing(what: string, place: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (cause) {
    // The plugin of a format writes the file. If the system refused, that is no fault of the plugin.
    const root = cause instanceof EvolveError ? (cause.cause ?? cause) : cause;
    const isOfSystem = root instanceof Error && 'errno' in root;
    if (cause instanceof EvolveError && !isOfSystem) throw cause;
    const message = `${what} cannot be written to ${displayPath(place)}: ${messageOf(root)}`;
    throw new EvolveError('WRITE_FAILED', message, 'Make room or choose another --output.', { cause });
  }
}

/** Files below this are copied: a person who edits one, adapter_config.json for example, changes no checkpoint. */
const LINKED_BYTES = 1 << 20;

/** Has the files of one folder in another, too. Large ones get a second name: they take no more of the disk, if it can do that. */
export async function linkFiles(names: readonly string[], from: string, to: string): Promise<void> {
  for (const name of names) {
    const [source, target] = [path.join(from, name), path.join(to, name)];
    const copy = async () => {
      await copyFile(source, target, constants.COPYFILE_FICLONE);
      await sync(target);
    };
    if ((await stat(source)).size < LINKED_BYTES) await copy();
    else await link(source, target).catch(copy);
  }
}

/** The same, with every path below `from` below `to`: a run may start from what an earlier one left in its own folder. */
function withMoved<T>(value: T, from: string, to: string): T {
  if (typeof value === 'string') {
    const isMoved = value === from || value.startsWith(from + path.sep);
    return (isMoved ? to + value.slice(from.length) : value) as T;
  }
  if (Array.isArray(value)) return value.map((item) => withMoved(item, from, to)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, withMoved(item, from, to)]),
  ) as T;
}

/** Gives `whole` the name `folder`. The earlier folder of this name is removed after that, or kept if it fails. */
async function replace(folder: string, whole: string): Promise<void> {
  const previous = `${folder}.previous`;
  await rm(previous, { recursive: true, force: true });
  const had = await rename(folder, previous).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
  try {
    await rename(whole, folder);
  } catch (error) {
    if (had) await rename(previous, folder);
    throw error;
  }
  // The next save tries it again.
  await rm(previous, { recursive: true, force: true }).catch(() => {});
}
