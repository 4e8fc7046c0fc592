/** What a study found as pages: one in Markdown, and one for a browser that needs nothing else. */

import { readFileSync } from 'node:fs';
import { packageVersion } from '../../base/version.js';
import { html, type Markup, pageText } from '../../report/html.js';
import type { RunOutcome } from './study-run.js';
import { cellText, headOf, inCell, type MeasureTable, tableMarkdown } from './tables.js';

/** All that the pages show. */
export interface StudyReport {
  readonly name: string;
  readonly tables: readonly MeasureTable[];
  readonly legend: string;
  /** Of each variant that with the first seed: what it answered. */
  readonly answers: readonly Pick<RunOutcome, 'variant' | 'seed' | 'answers'>[];
  /** How many rows each source has. */
  readonly notes: readonly string[];
  /** The runs that failed, and why. */
  readonly faults: readonly string[];
}

export function markdownPage({ name, tables, legend, answers, notes, faults }: StudyReport): string {
  const asked = questionsIn(answers).map(({ question, replies }) => {
    const rows = replies.map(({ variant, output }) => `| ${inCell(variant)} | ${inCell(output)} |`);
    return [`**${inCell(question)}**`, '', '| variant | answer |', '| --- | --- |', ...rows].join('\n');
  });
  const parts = [
    `# Study: ${name}`,
    ...tables.map(tableMarkdown),
    legend,
    ...(asked.length > 0 ? [`## Answers, seed ${answers[0].seed}`, ...asked] : []),
    ...(faults.length > 0 ? ['## Failed', listed(faults)] : []),
    '## Data',
    listed(notes),
  ];
  return `${parts.join('\n\n')}\n`;
}

function listed(items: readonly string[]): string {
  return items.map((item) => `- ${inCell(item)}`).join('\n');
}

export function htmlPage({ name, tables, legend, answers, notes, faults }: StudyReport): string {
  const css = readFileSync(new URL('../../report/client/report.css', import.meta.url), 'utf8');
  const body = html`<header><h1>Study: ${name}</h1></header>
<main>
${faults.map((fault) => html`<p class="fault">${fault}</p>`)}
${tables.map(measureSection)}
<p class="hint">${legend}</p>
${notes.map((note) => html`<p class="hint">${note}</p>`)}
${questionsIn(answers).map(answersSection)}
</main>
<footer>evolve ${packageVersion()}</footer>`;
  return pageText({ title: name, generator: 'evolve study', styles: [css], body });
}

function measureSection(table: MeasureTable): Markup {
  const head = table.sets.map((set) => html`<th>${set}</th>`);
  const rows = table.rows.map(({ variant, cells }) => {
    const columns = cells.map((cell) =>
      cell?.isBest ? html`<td><strong>${cellText(cell)}</strong></td>` : html`<td>${cellText(cell)}</td>`,
    );
    return html`<tr><th>${variant}</th>${columns}</tr>`;
  });
  return html`<section><h2>${headOf(table)}</h2><div class="wide"><table><thead><tr><th></th>${head}</tr></thead><tbody>${rows}</tbody></table></div></section>
`;
}

interface Asked {
  readonly question: string;
  readonly replies: readonly { readonly variant: string; readonly output: string }[];
}

function answersSection({ question, replies }: Asked): Markup {
  const rows = replies.map(
    ({ variant, output }) =>
      html`<tr><th>${variant}</th><td style="white-space: pre-wrap">${output}</td></tr>`,
  );
  return html`<section><h2 style="white-space: pre-wrap">${question}</h2><div class="wide"><table><tbody>${rows}</tbody></table></div></section>
`;
}

function questionsIn(answers: StudyReport['answers']): Asked[] {
  const [first] = answers;
  return (first?.answers ?? []).map(({ instruction, input }, i) => ({
    question: input === '' ? instruction : `${instruction}\n${input}`,
    replies: answers.map(({ variant, answers: own }) => ({ variant, output: own[i]?.output ?? '–' })),
  }));
}
