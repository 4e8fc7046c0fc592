/** The report of runs: one page of HTML that needs nothing else, neither files nor a network. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { packageVersion } from '../base/version.js';
import type { ChartData } from './chart-data.js';
import { chartsOf } from './charts.js';
import { formatMoment, stateFact } from './facts.js';
import { html, jsonScript, Markup, pageText } from './html.js';
import type { RunRecord } from './run-record.js';
import { configurations, type NamedRun, plans, samples, summary } from './sections.js';

/** By this a page is known as a report. */
export const GENERATOR = 'evolve report';

/** The curves. */
const SCRIPTS = ["script-src 'unsafe-inline'", 'img-src data:'];

/** @param runs in the order in which they are shown; at least one */
export function reportPage(runs: readonly RunRecord[]): string {
  const named = namedRuns(runs);
  const charts = chartsOf(
    runs,
    named.map(({ name }) => name),
  );
  const title = named.map(({ name }) => name).join(', ');
  const faults = runs.flatMap((run) => run.faults);
  const body = html`<header><h1>${runs.length === 1 ? title : `${runs.length} runs`}</h1>${runs.length === 1 ? state(named[0]) : undefined}</header>
<main>
${faults.map((fault) => html`<p class="fault">${fault}</p>`)}
<section aria-label="Summary">${summary(named)}</section>
<section><h2>Curves</h2>${curves(charts)}</section>
${samples(named)}
${plans(named)}
${configurations(named)}
</main>
<footer>evolve ${packageVersion()}, ${formatMoment(new Date())}</footer>
${jsonScript('charts', charts)}
<script>${new Markup(plotFile('uPlot.iife.min.js'))}</script>
<script type="module">${new Markup(ownFile('client/charts.js').replace(/^\/\/# sourceMappingURL=.*$/m, ''))}</script>`;
  const styles = [plotFile('uPlot.min.css'), ownFile('client/report.css')];
  return pageText({ title, generator: GENERATOR, allows: SCRIPTS, styles, body });
}

/** By the names of their folders; where two have one name, by as much of their paths as tells them apart. */
export function namedRuns(runs: readonly RunRecord[]): NamedRun[] {
  const nameOf = ({ folder }: RunRecord, parts: number) => folder.split(path.sep).slice(-parts).join('/');
  return runs.map((run) => {
    let parts = 1;
    const isShared = () => runs.some((other) => other !== run && nameOf(other, parts) === nameOf(run, parts));
    while (isShared() && parts < run.folder.split(path.sep).length) parts++;
    return { name: nameOf(run, parts), run };
  });
}

function state({ run }: NamedRun): Markup {
  const { value, detail } = stateFact(run);
  return html`<p><span class="state ${value}">${value}</span>${detail && html` <span class="detail">${detail}</span>`}</p>`;
}

function curves(charts: readonly ChartData[]): Markup {
  if (charts.length === 0) return html`<p class="none">There is no step and no evaluation yet.</p>`;
  const figures = charts.map(
    ({ title, note }, i) =>
      html`<figure class="chart" data-chart="${i}"><figcaption><h3>${title}</h3><p>${note}</p></figcaption><div class="plot"></div><div class="legend"></div></figure>`,
  );
  return html`<p class="hint">Drag over a curve to enlarge a part, and click twice to see all again. A click on a name hides its lines.</p>
<noscript><p class="fault">The curves are drawn by JavaScript, which is turned off.</p></noscript>
<div class="charts">${figures}</div>`;
}

/** A file of the package uplot. */
function plotFile(name: string): string {
  return readFileSync(createRequire(import.meta.url).resolve(`uplot/dist/${name}`), 'utf8');
}

function ownFile(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8');
}
