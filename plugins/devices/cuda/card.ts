/** Finds the card, and says in one line why there is none that can be used. */

import { closeSync, existsSync, openSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { launchOf } from '../../../core/index.js';
import { type Addon, type Card, driverCode, loadAddon } from './addon.js';

/** What the kernels need: bf16 on the tensor cores, and copies in the background. */
const LEAST_CAPABILITY = 80;
/** PTX 8.0 came with CUDA 12.0, whose driver is the 525. */
const LEAST_VERSION = 12_000;
/** With less than this left, a card that others use cannot even hold a context and a small model. */
const LEAST_FREE_BYTES = 512 * 2 ** 20;

/** Why the device cannot be had. */
export class Declined extends Error {
  /** @param short the same where nobody asked for a card */
  constructor(
    message: string,
    readonly short = message,
  ) {
    super(message);
  }
}

/** A card that is open. */
export interface OpenCard {
  readonly addon: Addon;
  readonly card: Card;
  readonly index: number;
  /** How many cards there are. */
  readonly count: number;
  /** 1000 × major + 10 × minor of the CUDA that the driver is for. */
  readonly version: number;
}

/**
 * Opens the driver, and has the addon use a card.
 *
 * @param asked which; else, of several, each process of a host takes its own. Of one card, which may be what Slurm gave it alone, all
 *     take that
 * @throws Declined, with why it cannot be had
 */
export function openCard(library: string, asked?: number): OpenCard {
  const addon = loadAddon();
  if ('reason' in addon) throw new Declined(addon.reason, hasDriver() ? addon.reason : NO_DRIVER);
  const { version, count } = openDriver(addon, library);
  if (version < LEAST_VERSION) {
    throw new Declined(
      `its driver is for CUDA ${versionOf(version)}; it takes one for 12.0, which is driver 525, or later`,
    );
  }
  if (count === 0) throw new Declined(noCard());
  const index = asked ?? (count > 1 ? launchOf().localRank : 0);
  if (index >= count) throw new Declined(`there is no card ${index}${hidden()}; ${cardsThere(count)}`);
  try {
    const card = addon.describe(index);
    const { name, capability } = card;
    if (capability < LEAST_CAPABILITY) {
      throw new Declined(
        `the ${name} is of compute capability ${(capability / 10).toFixed(1)}; it takes 8.0 (Ampere) or later`,
      );
    }
    addon.use(index);
    requireMemory(addon, name);
    return { addon, card, index, count, version };
  } catch (error) {
    const code = driverCode(error);
    if (code === 'CUDA_ERROR_OUT_OF_MEMORY') {
      throw new Declined(`the memory of card ${index} is taken by other processes (nvidia-smi lists them)`);
    }
    throw code ? new Declined(`card ${index} does not open: ${(error as Error).message}`) : error;
  }
}

/** `12040` -> `12.4`. */
export function versionOf(version: number): string {
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}

const NO_DRIVER = 'no NVIDIA driver';

function openDriver(addon: Addon, library: string): ReturnType<Addon['open']> {
  try {
    return addon.open(library);
  } catch (error) {
    const code = driverCode(error);
    const { message } = error as Error;
    if (!code) throw new Declined(`${NO_DRIVER} (${message})`, NO_DRIVER);
    // The driver answers so where it may not open what it talks to the card through.
    const node = deniedNode();
    if (node) throw new Declined(`no permission for ${node}; have yourself added to the group that owns it`);
    if (code === 'CUDA_ERROR_NO_DEVICE') throw new Declined(noCard());
    const mismatch = 'CUDA_ERROR_SYSTEM_DRIVER_MISMATCH';
    const advice = code === mismatch ? '; its library and its kernel module differ: restart the machine' : '';
    throw new Declined(`the driver does not start: ${message}${advice}`);
  }
}

function noCard(): string {
  const visible = process.env.CUDA_VISIBLE_DEVICES;
  return visible === undefined
    ? 'there is no card'
    : `CUDA_VISIBLE_DEVICES is "${visible}", which names no card`;
}

/** What may hide the card. */
function hidden(): string {
  const visible = process.env.CUDA_VISIBLE_DEVICES;
  return visible === undefined ? '' : ` (CUDA_VISIBLE_DEVICES is "${visible}")`;
}

function cardsThere(count: number): string {
  return count === 1 ? 'there is one, 0' : `there are ${count}, 0 to ${count - 1}`;
}

function requireMemory(addon: Addon, name: string): void {
  const { free, total } = addon.memory();
  if (free >= LEAST_FREE_BYTES || free > total / 2) return;
  const [left, all] = [free, total].map((bytes) => Math.floor(bytes / 2 ** 20));
  throw new Declined(
    `other processes use the memory of the ${name}: ${left} of ${all} MiB are free (nvidia-smi lists them)`,
  );
}

/** Whether this machine has, as far as can be seen without the addon, a driver of NVIDIA's. */
function hasDriver(): boolean {
  return ['/dev/nvidiactl', '/dev/dxg'].some((node) => existsSync(node));
}

/** The first of NVIDIA's device nodes that is there and that this process may not open. */
export function deniedNode(folder = '/dev'): string | undefined {
  const names = existsSync(folder)
    ? readdirSync(folder).filter((name) => /^nvidia(ctl|-uvm|\d+)$/.test(name))
    : [];
  return names
    .sort()
    .map((name) => path.join(folder, name))
    .find((node) => {
      try {
        closeSync(openSync(node, 'r+'));
        return false;
      } catch (error) {
        return (error as NodeJS.ErrnoException).code === 'EACCES';
      }
    });
}
