/** Lines of JSON as a run leaves them: one that was killed in the midst of a line, or whose disk was damaged, too. */

/** An object, of whatever version of evolve. */
export type JsonLine = Readonly<Record<string, unknown>>;

/** A line that belongs to a step. */
export type StepLine = JsonLine & { readonly step: number };

/** So many damaged lines are named. */
const MOST_NAMED = 3;

/** The objects of the lines. @param faults gets a sentence where lines are damaged: these are left out */
export function readJsonLines(text: string, file: string, faults: string[]): JsonLine[] {
  const damaged: number[] = [];
  const lines = text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return [];
    const value = parsed(line);
    if (typeof value === 'object' && value !== null) return [value as JsonLine];
    damaged.push(i + 1);
    return [];
  });
  if (damaged.length > 0) faults.push(leftOut(damaged, file));
  return lines;
}

/** Those of a step, in the order of steps. @param faults gets a sentence where there are others: these are left out */
export function stepLines(lines: readonly JsonLine[], file: string, faults: string[]): StepLine[] {
  const ofSteps = lines.filter((line): line is StepLine => Number.isFinite(line.step));
  const others = lines.length - ofSteps.length;
  if (others > 0) faults.push(`${file}: what tells of no step is left out (${others})`);
  const isOrdered = ofSteps.every(({ step }, i) => i === 0 || ofSteps[i - 1].step <= step);
  return isOrdered ? ofSteps : [...ofSteps].sort((a, b) => a.step - b.step);
}

function leftOut(damaged: readonly number[], file: string): string {
  const named = damaged.slice(0, MOST_NAMED).join(', ');
  const rest = damaged.length - MOST_NAMED;
  const which =
    damaged.length === 1 ? `line ${named} is` : `lines ${named}${rest > 0 ? ` and ${rest} others` : ''} are`;
  return `${file}: ${which} damaged and left out`;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
