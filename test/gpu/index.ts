/**
 * `npm run test:gpu`: packs what a machine with a card but without Node and network needs, unpacks it, and runs it there.
 *
 *     npm run test:gpu                    here, on the card
 *     npm run test:gpu -- --emulated      here, on the emulated driver, with small shapes: shows that the script works
 *     npm run test:gpu -- --pack          packs alone. On the other machine:
 *         python3 -m tarfile -e evolve-gpu.tar.xz evolve-gpu && sh evolve-gpu/run.sh
 *
 * EVOLVE_PYTHON names a Python with torch, transformers and peft there; OUT names the folder of the results.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { ROOT } from '../support/files.js';
import { pack } from './pack.js';

const FOLDER = path.join(ROOT, '.bench', 'gpu');

interface Options {
  readonly emulated?: boolean;
  readonly pack?: boolean;
  readonly stages?: string[];
}

function main({ emulated = false, pack: packOnly = false, stages = [] }: Options): void {
  mkdirSync(FOLDER, { recursive: true });
  const { file, bytes } = pack(FOLDER);
  console.log(`${file}: ${(bytes / 2 ** 20).toFixed(1)} MiB`);
  if (packOnly) return;
  const there = path.join(FOLDER, 'unpacked');
  rmSync(there, { recursive: true, force: true });
  mkdirSync(there);
  const python = process.env.EVOLVE_PYTHON ?? 'python3';
  // As on the other machine: nothing of this checkout is used but what was packed.
  run(python, ['-m', 'tarfile', '-e', file, there], FOLDER);
  const args = [...(emulated ? ['--emulated'] : []), ...stages];
  run('sh', [path.join(there, 'run.sh'), ...args], there);
}

function run(command: string, args: readonly string[], cwd: string): void {
  const env = { OUT: path.join(FOLDER, 'results'), ...process.env };
  const { status, error } = spawnSync(command, args, { cwd, env, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

new Command('test:gpu')
  .description(
    'Tests and measures the cuda device on the card of this machine, or packs what does so elsewhere.',
  )
  .option('--emulated', 'on the emulated driver, with small shapes')
  .option('--pack', 'pack alone')
  .option('--stages <names...>', 'only these')
  .action(main)
  .parse();
