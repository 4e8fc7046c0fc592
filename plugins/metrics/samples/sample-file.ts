import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/**
 * Puts the lines of a step behind those of the steps before. What is there of this step and of later ones goes: a run that went
 * on from an earlier step does them again. Returns why the system refuses it.
 */
export function writeSamples(file: string, step: number, lines: readonly object[]): string | undefined {
  const partial = `${file}.partial`;
  try {
    const there = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    const kept = there.filter((line) => stepOf(line) < step);
    const all = [...kept, ...lines.map((line) => JSON.stringify(line))];
    writeFileSync(partial, all.map((line) => `${line}\n`).join(''));
    renameSync(partial, file);
    return undefined;
  } catch (error) {
    if (!(error instanceof Error && 'errno' in error)) throw error;
    rmSync(partial, { force: true });
    return error.message;
  }
}

/** Infinite where the line is none of ours. */
function stepOf(line: string): number {
  try {
    return Number((JSON.parse(line) as { step?: unknown }).step);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
