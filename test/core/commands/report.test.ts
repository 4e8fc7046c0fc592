import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import type { ChartData } from '../../../core/report/chart-data.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { leaveRun } from '../../support/run-folder.js';
import { EIGHT_ROWS } from '../../support/runs.js';
import { evolveShared } from '../../support/shared-cli.js';

/** What the page draws its curves from. */
function chartsIn(page: string): ChartData[] {
  const [, json] = page.match(/<script type="application\/json" id="charts">(.*)<\/script>/) ?? [];
  return JSON.parse(json);
}

describe('evolve report', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());
  const report = (...args: string[]) => evolveShared(['report', ...args], { cwd: folder.path });
  const read = (...names: string[]) => readFileSync(folder.join(...names), 'utf8');

  it('makes one page of a run as it was trained', async () => {
    folder.write('rows.json', EIGHT_ROWS);
    folder.write(
      'my.yaml',
      `model: { path: ${fixture('llama')} }
data: { sources: [{ path: rows.json, format: alpaca }], cutoffLength: 256, validationSize: 2 }
train: { maxSteps: 3, warmupSteps: 0, perDeviceBatchSize: 2, gradientAccumulationSteps: 1 }
metrics: [perplexity, { name: samples, limit: 1, maxNewTokens: 4 }]
trackers: [tensorboard]
`,
    );
    const trained = await evolveShared(['run', 'my.yaml'], { cwd: folder.path });
    expect(trained.status, trained.stderr).to.equal(0);
    expect(readdirSync(folder.join('runs', 'my')).some((name) => name.startsWith('events.'))).to.equal(true);
    const { status, stdout, stderr } = await report('runs/my');
    expect(stderr).to.equal('');
    expect(status).to.equal(0);
    expect(stdout).to.match(/^runs\/my\/report\.html: \d+\.\d kB\n$/);
    const page = read('runs', 'my', 'report.html');
    const charts = chartsIn(page);
    expect(charts.map(({ title }) => title)).to.include.members([
      ...['Loss', 'Learning rate', 'Gradient norm', 'Throughput', 'Memory', 'Perplexity'],
    ]);
    const [loss] = charts;
    expect(loss.lines.map(({ name, x }) => [name, x])).to.deep.equal([
      ['training', [1, 2, 3]],
      ['held-out', [0, 3]],
    ]);
    for (const text of ['>completed<', 'maxSteps: 3', 'before training', 'after step 3', 'Name color'])
      expect(page).to.include(text);
    // The second time it takes the place of the first.
    expect((await report('runs/my')).status).to.equal(0);
  });

  it('compares several runs: facts, curves in the colours of runs, differences of configuration', async () => {
    leaveRun(folder, 'a/same', { bySource: true, learningRate: 1e-4 });
    leaveRun(folder, 'b/same', { bySource: true, learningRate: 3e-4, seed: 2 });
    const { stdout, status, stderr } = await report('a/same', 'b/same', 'a/same/', '--json');
    expect(status, stderr).to.equal(0);
    const page = read('report.html');
    expect(JSON.parse(stdout)).to.deep.equal({
      type: 'done',
      output: folder.join('report.html'),
      bytes: statSync(folder.join('report.html')).size,
      faults: [],
    });
    const charts = chartsIn(page);
    const titles = charts.map(({ title }) => title);
    expect(titles).to.include.members(['Loss', 'Loss of source alpaca', 'Loss of source belle 中文']);
    for (const { lines, title } of charts) {
      expect(new Set(lines.map(({ name, color }) => `${color} ${name}`)), title).to.deep.equal(
        new Set(['0 a/same', '1 b/same']),
      );
    }
    expect(page).to.match(
      /<th scope="row">train\.learningRate<\/th><td><code>0\.0001<\/code><\/td><td><code>0\.0003</,
    );
    expect(page).to.not.include('<th scope="row">train.epochs</th>');
  });

  it('draws one line for each source of one run', async () => {
    leaveRun(folder, 'mine', { bySource: true });
    await report('mine');
    const [chart] = chartsIn(read('mine', 'report.html')).filter(({ title }) => title === 'Loss by source');
    expect(chart.lines.map(({ name, detail, color, kind }) => [name, detail, color, kind])).to.deep.equal([
      ['alpaca', '', 0, 'line'],
      ['alpaca', 'held-out', 0, 'points'],
      ['belle 中文', '', 1, 'line'],
      ['belle 中文', 'held-out', 1, 'points'],
    ]);
  });

  it('weighs less than 2 MB of 10,000 steps, and of ten runs of 3,000', async function () {
    this.timeout(60_000);
    leaveRun(folder, 'long', { steps: 10_000, bySource: true });
    expect((await report('long')).status).to.equal(0);
    expect(statSync(folder.join('long', 'report.html')).size).to.be.below(0.5e6);
    const names = Array.from({ length: 10 }, (_, i) =>
      leaveRun(folder, `run-${i}`, { steps: 3000, bySource: true }),
    );
    expect((await report(...names)).status).to.equal(0);
    expect(statSync(folder.join('report.html')).size).to.be.below(2e6);
  });

  it('takes a run that was killed, and tells of a damaged line', async () => {
    const output = leaveRun(folder, 'mine', { result: null });
    folder.write(
      'mine/metrics.jsonl',
      `${readFileSync(path.join(output, 'metrics.jsonl'), 'utf8')}{"type":"st`,
    );
    const { status, stderr } = await report('mine');
    expect(status).to.equal(0);
    expect(stderr).to.equal('evolve: mine/metrics.jsonl: line 32 is damaged and left out\n');
    const page = read('mine', 'report.html');
    expect(page).to.include('mine/metrics.jsonl: line 32 is damaged').and.to.include('>killed<');
  });

  it('takes a run without a step', async () => {
    leaveRun(folder, 'mine', {
      result: { status: 'failed', error: { code: 'X', message: 'it is <b>odd</b>' } },
    });
    folder.write('mine/metrics.jsonl', '');
    expect((await report('mine')).status).to.equal(0);
    expect(read('mine', 'report.html'))
      .to.include('There is no step and no evaluation yet.')
      .and.to.include('it is &lt;b&gt;odd&lt;/b&gt;');
  });

  it('refuses what is no run, and to write over what is no report', async () => {
    leaveRun(folder, 'runs/mine');
    const none = await report('runs');
    expect(none.status).to.equal(2);
    expect(none.stderr).to.equal(
      'evolve: runs is no run, but holds one\nName the runs: evolve report runs/mine\n',
    );
    expect((await report('nowhere')).stderr).to.match(/^evolve: the folder nowhere is not there\n/);
    folder.write('mine.html', '<html>');
    const over = await report('runs/mine', '--output', 'mine.html');
    expect(over.status).to.equal(2);
    expect(over.stderr).to.match(/mine\.html: there is something else, which is no report/);
    expect(read('mine.html')).to.equal('<html>');
    const deep = await report('runs/mine', '--output', 'no/folder.html');
    expect(deep.status).to.equal(1);
    expect(deep.stderr).to.match(/cannot be written to no\/folder\.html/);
  });
});
