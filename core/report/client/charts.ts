/** Draws the curves of a report, in the browser. Its page has uPlot, and the data as JSON. */

import type UPlot from 'uplot';
import type { ChartData, LineData } from '../chart-data.js';

declare const uPlot: typeof UPlot;

const COLORS = 10;
const AXIS_FONT = '12px system-ui, sans-serif';
/** Steps are whole numbers. */
const STEP_INCREMENTS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6,
];

const FORMATS: Readonly<Record<ChartData['format'], (value: number) => string>> = {
  number: (value) => Number(value.toPrecision(4)).toLocaleString('en', { maximumSignificantDigits: 4 }),
  small: (value) => (value === 0 ? '0' : value.toExponential(2).replace('e-', 'e−')),
  bytes: (value) =>
    value >= 10 * 2 ** 30 ? `${(value / 2 ** 30).toFixed(1)} GiB` : `${Math.round(value / 2 ** 20)} MiB`,
};

/** The style sheet has two values of it, for light and dark. */
const colorOf = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
const ofLine = ({ color }: LineData) => colorOf(`s${color % COLORS}`);

const charts = JSON.parse(document.getElementById('charts')?.textContent ?? '[]') as ChartData[];
const figures = document.querySelectorAll<HTMLElement>('figure.chart');
const plots = [...figures].map((figure) => draw(figure, charts[Number(figure.dataset.chart)]));
// Colours are asked for anew whenever a chart is drawn.
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const plot of plots) plot.redraw(false);
});
document.documentElement.dataset.drawn = String(Math.round(performance.now()));

function draw(figure: HTMLElement, chart: ChartData): UPlot {
  const place = figure.querySelector<HTMLElement>('.plot') as HTMLElement;
  const data = uPlot.join(chart.lines.map(({ x, y }): UPlot.AlignedData => [[...x], [...y]]));
  const plot = new uPlot(optionsOf(chart, sizeOf(place)), data, place);
  plot.root.querySelector('canvas')?.setAttribute('aria-label', `${chart.title} by optimizer step`);
  addLegend(figure, chart, plot);
  new ResizeObserver(() => {
    if (place.clientWidth !== plot.width) plot.setSize(sizeOf(place));
  }).observe(place);
  return plot;
}

function sizeOf({ clientWidth, clientHeight }: HTMLElement) {
  return { width: clientWidth, height: clientHeight };
}

function optionsOf(chart: ChartData, size: { width: number; height: number }): UPlot.Options {
  const format = FORMATS[chart.format];
  const axis: UPlot.Axis = {
    font: AXIS_FONT,
    stroke: () => colorOf('muted'),
    grid: { stroke: () => colorOf('grid'), width: 1 },
    ticks: { show: false },
  };
  return {
    ...size,
    legend: { show: false },
    padding: [12, 28, 0, 0],
    cursor: {
      sync: { key: 'steps', scales: ['x', null] },
      drag: { x: true, y: false, uni: 10 },
      points: { show: false },
      y: false,
    },
    scales: { x: { time: false }, y: { distr: chart.isLogarithmic ? 3 : 1 } },
    axes: [
      {
        ...axis,
        size: 32,
        incrs: STEP_INCREMENTS,
        values: (_, steps) => steps.map((step) => step.toLocaleString('en')),
      },
      {
        ...axis,
        incrs: chart.format === 'bytes' ? Array.from({ length: 24 }, (_, i) => 2 ** (20 + i)) : undefined,
        values: (_, values) => values.map((value) => (value === null ? '' : format(value))),
        // Wide enough for the longest number.
        size: (_, values) => 18 + 7 * Math.max(3, ...(values ?? []).map(({ length }) => length)),
      },
    ],
    series: [{}, ...chart.lines.map(seriesOf)],
    plugins: [tooltip(chart)],
  };
}

function seriesOf(line: LineData): UPlot.Series {
  const isMeasured = line.kind === 'points';
  return {
    label: labelOf(line),
    stroke: () => ofLine(line),
    width: line.kind === 'each' ? 1 : 2,
    alpha: line.kind === 'each' ? 0.3 : 1,
    dash: isMeasured && line.detail !== '' ? [6, 4] : undefined,
    points: { show: isMeasured || line.x.length === 1, size: 6, fill: () => ofLine(line) },
    // Lines of one chart have points at different steps.
    spanGaps: true,
  };
}

function labelOf({ name, detail }: LineData): string {
  return detail === '' ? name : `${name}, ${detail}`;
}

/** Names with their colours; a click hides the lines of a name, and shows them again. */
function addLegend(figure: HTMLElement, { lines }: ChartData, plot: UPlot): void {
  const legend = figure.querySelector('.legend') as HTMLElement;
  for (const name of new Set(lines.map((line) => line.name))) {
    const own = lines.flatMap((line, i) => (line.name === name ? [i + 1] : []));
    const button = document.createElement('button');
    button.type = 'button';
    button.append(swatch(lines[own[0] - 1]), name);
    button.setAttribute('aria-pressed', 'true');
    button.addEventListener('click', () => {
      const show = button.getAttribute('aria-pressed') !== 'true';
      button.setAttribute('aria-pressed', String(show));
      for (const i of own) plot.setSeries(i, { show });
    });
    legend.append(button);
  }
}

function swatch({ color }: LineData): HTMLElement {
  const mark = document.createElement('i');
  mark.className = `swatch s${color % COLORS}`;
  return mark;
}

/** Shows the numbers of the step under the pointer: of each line that of its nearest point. */
function tooltip({ lines, format }: ChartData): UPlot.Plugin {
  const box = document.createElement('div');
  box.className = 'tooltip';
  box.hidden = true;
  const show = (plot: UPlot) => {
    const { left = -1, top = 0, idx } = plot.cursor;
    box.hidden = left < 0 || idx == null || !plot.over.matches(':hover');
    if (box.hidden || idx == null) return;
    const step = plot.data[0][idx];
    const rows = lines.flatMap((line, i) => (plot.series[i + 1].show ? [rowOf(line, step, format)] : []));
    box.replaceChildren(`step ${step.toLocaleString('en')}`, ...rows);
    // Beside the pointer, on the side where there is room; within the chart where there is none on either.
    const isRight = left > plot.over.clientWidth / 2;
    const beside = isRight ? left - 14 - box.offsetWidth : left + 14;
    box.style.left = `${Math.max(0, Math.min(beside, plot.over.clientWidth - box.offsetWidth))}px`;
    box.style.top = `${Math.max(0, Math.min(top, plot.over.clientHeight - box.offsetHeight))}px`;
  };
  return {
    hooks: {
      init: (plot) => {
        plot.over.append(box);
        plot.over.addEventListener('mouseleave', () => {
          box.hidden = true;
        });
      },
      setCursor: show,
    },
  };
}

function rowOf(line: LineData, step: number, format: ChartData['format']): HTMLElement {
  const i = nearest(line.x, step);
  const row = document.createElement('div');
  const value = document.createElement('b');
  value.textContent = FORMATS[format](line.y[i]);
  const at = line.kind === 'points' && line.x[i] !== step ? ` at ${line.x[i].toLocaleString('en')}` : '';
  row.append(swatch(line), `${labelOf(line)}${at} `, value);
  return row;
}

/** The index of the number that is nearest to `value`. @param sorted ascending, not empty */
function nearest(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle;
    else high = middle;
  }
  return value - sorted[low] <= sorted[high] - value ? low : high;
}
