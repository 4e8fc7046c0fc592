/** A report of `evolve data stats` as one HTML page that needs nothing beside it. */

import { counted, factsOf, inWords, KIND_NAMES, share } from './draw-report.js';
import type { LengthReport, Report } from './statistics.js';

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.3rem;overflow-wrap:anywhere}h2{font-size:1.05rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}td{padding:.15rem .5rem .15rem 0;vertical-align:middle}
td.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}td.b{width:55%}
.bar{height:1rem;background:#3b76c4;border-radius:2px;min-width:1px}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}.bar{background:#6ea0e0}}`;

/** @param title what was counted */
export function htmlReport(title: string, report: Report): string {
  const { rows, kinds, sources, languages, unit } = report;
  const kindCounts = Object.fromEntries(
    Object.entries(kinds).flatMap(([kind, number]) =>
      number > 0 ? [[KIND_NAMES[kind as keyof Report['kinds']], number]] : [],
    ),
  );
  const sections = [
    section(`${counted(rows)} rows`, '', counts(kindCounts, rows)),
    ...(Object.keys(sources).length > 1 ? [section('Sources', '', counts(sources, rows))] : []),
    section('Languages', '', counts(languages, rows)),
    section(`Length of rows in ${unit}`, inWords(report.lengths), lengths(report.lengths, rows)),
    section(`Trained on, in ${unit}`, inWords(report.trained), lengths(report.trained, rows)),
    `<h2>Further</h2>\n<ul>${factsOf(report)
      .map((fact) => `<li>${escaped(fact)}</li>`)
      .join('')}</ul>`,
  ];
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title>
<style>${STYLE}</style></head>
<body>
<h1>${escaped(title)}</h1>
${sections.join('\n')}
</body>
</html>
`;
}

function section(heading: string, words: string, table: string): string {
  return `<h2>${escaped(heading)}</h2>\n${words === '' ? '' : `<p>${escaped(words)}</p>\n`}${table}`;
}

function counts(numbers: Readonly<Record<string, number>>, rows: number): string {
  return table(Object.entries(numbers), rows);
}

function lengths({ bars }: LengthReport, rows: number): string {
  return table(
    bars.map(({ from, to, rows: number }) => [`${counted(from)}–${counted(to)}`, number]),
    rows,
  );
}

function table(entries: readonly (readonly [name: string, number: number])[], rows: number): string {
  const most = Math.max(...entries.map(([, number]) => number), 1);
  const lines = entries.map(
    ([name, number]) =>
      `<tr><td>${escaped(name)}</td><td class="b"><div class="bar" style="width:${((100 * number) / most).toFixed(1)}%"></div></td><td class="n">${counted(number)}</td><td class="n">${share(number, rows)}</td></tr>`,
  );
  return `<table>\n${lines.join('\n')}\n</table>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
