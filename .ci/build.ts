/**
 * `npm run build`: compiles the sources to .build. What did not change there is left alone, and what changed is replaced in one
 * go: a run or a test that has files of .build open sees whole ones, whoever builds meanwhile (`npm pack` does).
 */

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const BUILT = path.join(ROOT, '.build');
/** Beside the other: its files are as far from the sources as source maps say. */
const FRESH = `${BUILT}.${process.pid}`;

const filesIn = (folder: string): string[] =>
  !existsSync(folder)
    ? []
    : readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));

function compile(): boolean {
  const require = createRequire(import.meta.url);
  const compiler = path.join(path.dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [compiler, '--project', ROOT, '--outDir', FRESH], {
    stdio: 'inherit',
  });
  return status === 0;
}

/** Style sheets go where the modules are that read them. */
function copyStyleSheets(): void {
  for (const file of filesIn(path.join(ROOT, 'core'))) {
    if (file.endsWith('.css')) copyFileSync(path.join(ROOT, 'core', file), path.join(FRESH, 'core', file));
  }
}

function takeOver(): void {
  const files = filesIn(FRESH);
  for (const file of files) {
    const [fresh, built] = [path.join(FRESH, file), path.join(BUILT, file)];
    if (existsSync(built) && readFileSync(fresh).equals(readFileSync(built))) continue;
    mkdirSync(path.dirname(built), { recursive: true });
    renameSync(fresh, built);
  }
  const wanted = new Set(files);
  for (const file of filesIn(BUILT)) if (!wanted.has(file)) rmSync(path.join(BUILT, file));
  chmodSync(path.join(BUILT, 'core', 'cli.js'), 0o755);
}

try {
  if (compile()) {
    copyStyleSheets();
    takeOver();
  } else process.exitCode = 1;
} finally {
  rmSync(FRESH, { recursive: true, force: true });
}
