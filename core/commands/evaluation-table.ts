import type { GroupLosses } from '../contracts/tracker.js';
import type { Measured } from '../run/evaluator.js';

interface Line {
  readonly name: string;
  readonly shots: number;
  readonly value: number;
  readonly stderr: number | undefined;
}

const ERROR = 'Stderr';
const GROUPS = ['bySource', 'byLanguage', 'byPart'] as const;

/** What evaluations found, a metric a line, each with its standard error: what is of one source or language alone comes last. */
export function evaluationTable(found: readonly Measured[]): string {
  const lines = found.flatMap((measured) => [...linesOf(measured)]);
  const names = [...new Set(lines.map(({ name }) => name))];
  const inOrder = [
    ...names.filter((name) => !name.includes('/')),
    ...names.filter((name) => name.includes('/')),
  ];
  const hasShots = found.some(({ shots }) => shots > 0);
  const cells = inOrder
    .flatMap((name) => lines.filter((line) => line.name === name))
    .map(({ name, shots, value, stderr }) => [
      name,
      ...(hasShots ? [String(shots)] : []),
      figure(value),
      stderr === undefined ? '' : `± ${figure(stderr)}`,
    ]);
  const heads = ['METRIC', ...(hasShots ? ['SHOTS'] : []), 'VALUE', 'STD. ERROR'];
  const table = [heads, ...cells];
  const widths = heads.map((_, i) => Math.max(...table.map((row) => row[i].length)));
  const text = table.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd(),
  );
  const rows = [...new Set(found.map((measured) => measured.rows))].join(', ');
  return `${text.join('\n')}\n(${rows} rows)\n`;
}

function* linesOf({ shots, metrics, ...groups }: Measured): Generator<Line> {
  for (const [name, value] of Object.entries(metrics)) {
    if (!name.endsWith(ERROR)) yield { name, shots, value, stderr: metrics[`${name}${ERROR}`] };
  }
  for (const by of GROUPS) {
    const ofGroups = Object.entries((groups as GroupLosses)[by] ?? {});
    // One group has what all rows have.
    if (ofGroups.length < 2) continue;
    for (const [group, { loss, stderr }] of ofGroups)
      yield { name: `evalLoss/${by}/${group}`, shots, value: loss, stderr };
  }
}

function figure(value: number): string {
  return String(Number(value.toPrecision(4)));
}
