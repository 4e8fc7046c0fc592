/** The parts of the page besides the curves: what was reached, sample answers, plan and configuration. */

import { flat } from '../run/checkpoints/differences.js';
import { type Fact, factsOf, stateFact } from './facts.js';
import { html, type Markup } from './html.js';
import type { RunRecord } from './run-record.js';
import { type SamplePair, samplePairs } from './samples.js';

/** So many facts of one run are shown large. */
const TILES = 6;

/** A run under the name that the page calls it by. */
export interface NamedRun {
  readonly name: string;
  readonly run: RunRecord;
}

/** Colours of the style sheet repeat after these. */
export const COLORS = 10;

export function summary(runs: readonly NamedRun[]): Markup {
  return runs.length === 1 ? tiles(runs[0].run) : comparison(runs);
}

function tiles(run: RunRecord): Markup {
  const facts = factsOf(run);
  const large = facts
    .slice(0, TILES)
    .map(
      ({ label, value, detail }) =>
        html`<div class="tile"><dt>${label}</dt><dd>${value}</dd>${detail && html`<dd class="detail">${detail}</dd>`}</div>`,
    );
  return html`<dl class="tiles">${large}</dl>
<table class="facts">${facts.slice(TILES).map(({ label, ...fact }) => html`<tr><th>${label}</th><td>${cell(fact)}</td></tr>`)}</table>`;
}

/** A row for each fact, a column for each run. */
function comparison(runs: readonly NamedRun[]): Markup {
  const facts = runs.map(
    ({ run }) => new Map([stateFact(run), ...factsOf(run)].map((fact) => [fact.label, fact])),
  );
  const labels = [...new Set(facts.flatMap((ofRun) => [...ofRun.keys()]))];
  return table(
    ['', ...runs.map((run, i) => heading(run, i))],
    labels.map((label) => [label, ...facts.map((ofRun) => cell(ofRun.get(label)))]),
  );
}

function heading({ name }: NamedRun, index: number): Markup {
  return html`<i class="swatch s${index % COLORS}"></i>${name}`;
}

function cell(fact: Omit<Fact, 'label'> | undefined): Markup | string {
  if (!fact) return '–';
  return fact.detail ? html`${fact.value} <span class="detail">${fact.detail}</span>` : fact.value;
}

/** A table whose first column holds what its rows are of. */
function table(head: readonly (Markup | string)[], rows: readonly (readonly (Markup | string)[])[]): Markup {
  return html`<div class="wide"><table>
<thead><tr>${head.map((each) => html`<th scope="col">${each}</th>`)}</tr></thead>
<tbody>${rows.map(
    ([first, ...others]) =>
      html`<tr><th scope="row">${first}</th>${others.map((each) => html`<td>${each}</td>`)}</tr>`,
  )}</tbody></table></div>`;
}

/** What the base model answered, and what the model answers now. Empty where no run has samples. */
export function samples(runs: readonly NamedRun[]): Markup | undefined {
  const pairs = samplePairs(runs.map(({ run }) => run));
  if (pairs.length === 0) return undefined;
  return html`<section><h2>Sample answers</h2>${pairs.map((pair) => sample(pair, runs))}</section>`;
}

function sample({ prompt, input, expected, answers }: SamplePair, runs: readonly NamedRun[]): Markup {
  const ofRun = (i: number) => {
    const { before, after, step } = answers[i] ?? {};
    const name = runs.length > 1 ? html`<h4>${heading(runs[i], i)}</h4>` : undefined;
    return html`<div class="answers">${name}
<div><h5>before training</h5>${answer(before)}</div>
<div><h5>${step === undefined ? 'after training' : `after step ${step.toLocaleString('en')}`}</h5>${answer(after)}</div></div>`;
  };
  const reference =
    expected === undefined
      ? undefined
      : html`<div class="expected"><h5>in the data</h5>${answer(expected)}</div>`;
  return html`<article class="sample"><h3 dir="auto">${prompt}</h3>${input && html`<p class="input" dir="auto">${input}</p>`}
<div class="compared">${runs.map((_, i) => ofRun(i))}</div>${reference}</article>`;
}

function answer(text: string | undefined): Markup {
  if (text === undefined) return html`<p class="none">not asked</p>`;
  return text.trim() === ''
    ? html`<p class="none">an empty answer</p>`
    : html`<p dir="auto">${text.trim()}</p>`;
}

/** The plan of each run that has one. */
export function plans(runs: readonly NamedRun[]): Markup | undefined {
  const planned = runs.flatMap((each, i) => (each.run.plan === undefined ? [] : [{ each, i }]));
  if (planned.length === 0) return undefined;
  return html`<section><h2>Plan</h2>${planned.map(
    ({ each, i }) =>
      html`${runs.length > 1 ? html`<h3>${heading(each, i)}</h3>` : undefined}${shownValue(each.run.plan)}`,
  )}</section>`;
}

/** A value of JSON: an object as a table of its keys, a list of objects as one of their columns. */
function shownValue(value: unknown): Markup | string {
  if (typeof value === 'number') return value.toLocaleString('en', { maximumSignificantDigits: 6 });
  if (typeof value !== 'object' || value === null) return String(value ?? '–');
  if (!Array.isArray(value))
    return html`<table class="facts">${Object.entries(value).map(
      ([key, item]) => html`<tr><th>${key}</th><td>${shownValue(item)}</td></tr>`,
    )}</table>`;
  const objects = value.filter((item): item is object => typeof item === 'object' && item !== null);
  if (objects.length === 0 || objects.length < value.length)
    return html`${value.map((item, i) => [i > 0 ? ', ' : '', shownValue(item)])}`;
  const columns = [...new Set(objects.flatMap((item) => Object.keys(item)))];
  return table(
    columns,
    objects.map((item) => columns.map((column) => shownValue((item as Record<string, unknown>)[column]))),
  );
}

/** Where the configurations of several runs differ, and each as a whole. */
export function configurations(runs: readonly NamedRun[]): Markup {
  const isOne = runs.length === 1;
  const whole = runs.map(
    (
      each,
      i,
    ) => html`<details ${isOne ? 'open' : ''}><summary>${isOne ? 'config.yaml' : heading(each, i)}</summary>
<pre>${each.run.configText.trimEnd()}</pre></details>`,
  );
  return html`<section><h2>Configuration</h2>${isOne ? undefined : configDifferences(runs)}${whole}</section>`;
}

function configDifferences(runs: readonly NamedRun[]): Markup {
  const values = runs.map(({ run }) => new Map(flat(run.config, [])));
  const keys = [...new Set(values.flatMap((ofRun) => [...ofRun.keys()]))].filter(
    (key) => key !== 'output' && new Set(values.map((ofRun) => ofRun.get(key))).size > 1,
  );
  if (keys.length === 0) return html`<p>The runs have the same configuration.</p>`;
  return table(
    ['', ...runs.map((each, i) => heading(each, i))],
    keys.map((key) => [key, ...values.map((ofRun) => html`<code>${ofRun.get(key) ?? '–'}</code>`)]),
  );
}
