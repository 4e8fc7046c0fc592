import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the package: tests run from .build/test. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** A file of test/fixtures. */
export function fixture(...names: string[]): string {
  return path.join(ROOT, 'test', 'fixtures', ...names);
}

/** A temporary folder with these files; `remove` it in afterEach. */
export class TemporaryFolder {
  readonly path = mkdtempSync(path.join(tmpdir(), 'evolve-test-'));

  /** Writes a file, text or bytes, and returns its path. */
  write(name: string, content: string | Uint8Array): string {
    const file = path.join(this.path, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  }

  join(...names: string[]): string {
    return path.join(this.path, ...names);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
