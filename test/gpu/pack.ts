/** What `npm run test:gpu` takes to a machine that has a driver and Python, but neither Node nor a network. */

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { ROOT } from '../support/files.js';

/** The most that may travel. */
const MOST_BYTES = 64 * 2 ** 20;
/** Of the checkout. */
const NEEDED = [
  '.build',
  'package.json',
  '.native',
  'plugins/devices/cuda/kernels.ptx.gz',
  'data',
  'test/fixtures',
  'test/bench/python',
];
/** Packages that the tests take besides the product's own. */
const TEST_PACKAGES = ['mocha', 'chai', 'source-map-support'];
/** Never asked for by Node: bundles for browsers, types, maps; and what only builds. */
const LEFT_OUT_PACKAGES = new Set([
  'tsx',
  'esbuild',
  'core-js',
  '@tensorflow/tfjs-node-gpu',
  'node-api-headers',
]);
const LEFT_OUT =
  /\.(map|d\.[cm]?ts|tsx?|md|flow)$|[./](es2017|fesm|esm)\.m?js$|\/tf[^/]*\.min\.js$|tensorflow.*\/(src|demo|benchmarks|es6|miniprogram|\.github)(\/|$)/;

const RUN = `#!/bin/sh
# Tests and measures the cuda device on this machine's card. EVOLVE_PYTHON: a Python with torch, transformers and peft.
cd "$(dirname "$0")" && exec ./node .build/test/gpu/run.js "$@"
`;

/** Makes evolve-gpu.tar.xz in a folder. @throws Error where it would be too large */
export function pack(folder: string): { file: string; bytes: number } {
  const stage = path.join(folder, 'stage');
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage);
  for (const name of NEEDED) copy(name, stage);
  for (const name of packages()) {
    copy(path.join('node_modules', name), stage);
  }
  const node = path.join(stage, 'node');
  cpSync(process.execPath, node, { dereference: true });
  chmodSync(node, 0o755);
  // Where there is no such tool, Node goes as it is.
  spawnSync('strip', [node]);
  writeFileSync(path.join(stage, 'run.sh'), RUN);
  const file = path.join(folder, 'evolve-gpu.tar.xz');
  const { status, stderr } = spawnSync('tar', ['-cJf', file, '-C', stage, '.'], {
    encoding: 'utf8',
    env: { ...process.env, XZ_OPT: '-3 -T0' },
  });
  if (status !== 0) throw new Error(`tar failed: ${stderr}`);
  rmSync(stage, { recursive: true });
  const { size } = statSync(file);
  if (size > MOST_BYTES) throw new Error(`${file} has ${size} bytes; at most ${MOST_BYTES} may travel`);
  return { file, bytes: size };
}

/** Those that travel. */
export function packages(): Set<string> {
  return packagesOf(ROOT, TEST_PACKAGES);
}

/** Whether a file of the checkout stays here. */
export function isLeftOut(file: string): boolean {
  return LEFT_OUT.test(path.relative(ROOT, file));
}

/** `name` of the checkout, to the same place in `stage`. */
function copy(name: string, stage: string): void {
  const from = path.join(ROOT, name);
  if (!existsSync(from)) return;
  const filter = (source: string) => source === from || !isLeftOut(source);
  cpSync(realpathSync(from), path.join(stage, name), {
    recursive: true,
    dereference: true,
    filter: (source) => filter(source.replace(realpathSync(from), from)),
  });
}

/** The names of the packages that the product needs, and those in `further`, with all that they need in turn. */
function packagesOf(root: string, further: readonly string[]): Set<string> {
  const found = new Set<string>();
  const open = [...Object.keys(dependenciesOf(path.join(root, 'package.json'))), ...further];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const manifest = path.join(root, 'node_modules', name, 'package.json');
    if (found.has(name) || LEFT_OUT_PACKAGES.has(name) || !existsSync(manifest)) continue;
    found.add(name);
    open.push(...Object.keys(dependenciesOf(manifest)));
  }
  return found;
}

function dependenciesOf(manifest: string): Record<string, string> {
  const { dependencies = {}, peerDependencies = {} } = JSON.parse(readFileSync(manifest, 'utf8'));
  return { ...dependencies, ...peerDependencies };
}
