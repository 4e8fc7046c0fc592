import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { evolve } from '../../support/cli.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { begin } from '../../support/processes.js';
import { readJson } from '../../support/runs.js';

/** Questions with answers; the last asks what the first asks. */
const rowsOf = (topic: string, count: number) =>
  [...Array(count).keys(), 0].map((i) => ({
    instruction: `${topic} ${i}?`,
    input: '',
    output: `It is ${topic} ${i * 3}.`,
  }));

const RUN = {
  model: { path: fixture('llama') },
  adapter: { r: 2 },
  data: { sources: ['red', 'blue'], cutoffLength: 128 },
  train: { gradientAccumulationSteps: 1, maxSteps: 2, learningRate: 0.01, saveEvery: 1 },
};

const STUDY = {
  run: 'run.yaml',
  set: { 'train.perDeviceBatchSize': 2 },
  sources: { red: { path: 'red.json' }, blue: { path: 'blue.json' } },
  heldOut: {
    rows: 3,
    sets: { Red: 'red', Blue: 'blue', politely: { of: 'red', remove: ['?'], ask: 'Please: {instruction}' } },
  },
  metrics: [{ name: 'exact-match', limit: 9, maxNewTokens: 2 }],
  variants: { 'all data': null, 'red alone': { 'data.sources': ['red'] } },
  seeds: [1, 2],
};

type Sets = Record<string, Record<string, number>>;
type Event = {
  type: string;
  isKept?: boolean;
  variant?: string;
  seed?: number;
  sets?: Sets;
  message?: string;
};

describe('evolve study', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
    folder.write('run.yaml', stringify(RUN));
    for (const topic of ['red', 'blue']) folder.write(`${topic}.json`, JSON.stringify(rowsOf(topic, 9)));
  });
  afterEach(() => folder.remove());

  const study = (values: object) => folder.write('mine.yaml', stringify(values));
  const eventsOf = (stdout: string) =>
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Event);
  const questionsIn = (file: string) =>
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { instruction: string }).instruction);

  it('goes on after an interruption, does again what changed, and reports means over seeds', async () => {
    const file = study(STUDY);
    const output = folder.join('out');
    const args = ['study', file, '--output', output, '--json'];
    const running = begin(args);
    while (!existsSync(path.join(output, 'red-alone-1'))) await setTimeout(20);
    running.child.kill('SIGINT');
    const interrupted = await running.end();
    expect(interrupted.status, interrupted.stderr).to.equal(130);
    expect(interrupted.stderr).to.include('1 of 4 runs are done. The same command goes on.');

    const { status, stdout, stderr } = await evolve(args);
    expect(status, stderr).to.equal(0);
    const runs = eventsOf(stdout).filter(({ type }) => type === 'run');
    expect(runs.map(({ variant, seed, isKept }) => [variant, seed, isKept])).to.deep.equal([
      ['all data', 1, true],
      ['red alone', 1, false],
      ['all data', 2, false],
      ['red alone', 2, false],
    ]);

    // Nothing that is asked is trained on.
    const data = readdirSync(path.join(output, 'data'));
    const partOf = (name: string) => {
      const [found] = data.filter((each) => each.startsWith(`${name}-`));
      return questionsIn(path.join(output, 'data', found));
    };
    for (const [set, source] of [
      ['Red', 'red'],
      ['Blue', 'blue'],
    ]) {
      expect(partOf(set)).to.have.length(3);
      const trained = partOf(`${source}-train`);
      expect(trained).to.not.include.members(partOf(set));
      for (const question of partOf(set)) expect(trained).to.not.include(question);
      const left = 10 - 3 - trained.length;
      expect(left).to.equal(partOf(set).includes(`${source} 0?`) ? 1 : 0);
    }
    expect(partOf('politely')).to.deep.equal(
      partOf('Red').map((question) => `Please: ${question.replace('?', '')}`),
    );

    const report = readJson(output, 'study.json') as unknown as {
      tables: {
        measure: string;
        rows: { variant: string; cells: { mean: number; deviation: number; isBest: boolean }[] }[];
      }[];
    };
    const table = report.tables.find(({ measure }) => measure === 'evalLoss');
    expect(table?.rows.map(({ variant }) => variant)).to.deep.equal(['all data', 'red alone']);
    for (const [i, set] of ['Red', 'Blue', 'politely'].entries())
      for (const { variant, cells } of table?.rows ?? []) {
        const [a, b] = runs.flatMap((run) =>
          run.variant === variant ? (run.sets?.[set].evalLoss ?? []) : [],
        );
        expect(a).to.not.equal(b);
        expect(cells[i].mean).to.be.closeTo((a + b) / 2, 1e-12);
        expect(cells[i].deviation).to.be.closeTo(Math.abs(a - b) / Math.SQRT2, 1e-12);
      }
    const page = readFileSync(path.join(output, 'study.md'), 'utf8');
    expect(page).to.include('| evalLoss (lower is better) | Red | Blue | politely |');
    expect(readFileSync(path.join(output, 'study.html'), 'utf8')).to.include('<th>red alone</th>');

    // One seed is left out, and one variant is another now.
    const variants = { ...STUDY.variants, 'red alone': { 'data.sources': ['red'], 'train.maxSteps': 1 } };
    study({ ...STUDY, variants, seeds: [1] });
    const again = eventsOf((await evolve(args)).stdout);
    expect(again.filter(({ type }) => type === 'run').map(({ isKept }) => isKept)).to.deep.equal([
      true,
      false,
    ]);
    expect(again.map(({ message = '' }) => message).join()).to.match(/red-alone-1\.\d: done anew/);
  });

  it('names every fault of all variants, where it stands, before anything is done', async () => {
    const file = study({
      ...STUDY,
      sources: { ...STUDY.sources, lost: { path: 'lost.json' } },
      heldOut: { sets: { Red: 'read' } },
      metrics: ['exactly-match'],
    });
    const first = await evolve(['study', file], { cwd: folder.path });
    expect(first.status).to.equal(2);
    expect(first.stderr).to.include(
      'heldOut.sets.Red: "read" is none of the study\'s sources (did you mean "red"?)',
    );

    study({
      ...STUDY,
      sources: { ...STUDY.sources, lost: { path: 'lost.json' } },
      metrics: ['exactly-match'],
      variants: {
        a: { 'train.epoch': 2 },
        b: { 'train.epochs': 'two', 'train.seed': 1 },
        c: { 'data.sources': ['green'] },
        d: {},
        e: {},
      },
    });
    const { status, stderr } = await evolve(['study', file], { cwd: folder.path });
    expect(status).to.equal(2);
    const text = readFileSync(file, 'utf8').split('\n');
    const at = (part: string) => `mine.yaml:${text.findIndex((line) => line.includes(part)) + 1}:`;
    for (const [place, fault] of [
      ['lost:', 'there is no such file'],
      ['exactly-match', 'unknown metric "exactly-match"'],
      ['train.epoch:', 'unknown key "train.epoch" (did you mean "epochs"?)'],
      ['train.epochs:', 'train.epochs: expected number, but got "two"'],
      ['train.seed', 'train.seed: seeds lists the seeds'],
      ['data.sources:', '"green" is none of the study\'s sources'],
    ])
      expect(
        stderr.split('\n').some((line) => line.includes(at(place)) && line.includes(fault)),
        `${at(place)} ${fault}\n${stderr}`,
      ).to.equal(true);
    expect(stderr).to.include('"e" is the same run as "d"');
    expect(existsSync(folder.join('runs'))).to.equal(false);
  });

  it('says which source is too small', async () => {
    const file = study({ ...STUDY, heldOut: { rows: 10 } });
    const { status, stderr } = await evolve(['study', file], { cwd: folder.path });
    expect(status).to.equal(2);
    for (const name of ['red', 'blue'])
      expect(stderr).to.include(`${name} has 10 rows: too few to hold out 10 different questions`);
  });

  it('goes on to the other variants where one fails, and says which', async () => {
    const { variants: _, ...others } = STUDY;
    const grid = { 'train.learningRate': [1e30, 0.01] };
    const file = study({
      ...others,
      set: { ...STUDY.set, 'train.warmupSteps': 0, 'train.scheduler': 'constant' },
      grid,
      seeds: [1],
      questions: ['red 1?'],
      heldOut: { rows: 3, sets: { Red: 'red' } },
    });
    const { status, stdout, stderr } = await evolve(['study', file], { cwd: folder.path });
    expect(status, stdout).to.equal(1);
    expect(stderr).to.match(/^evolve: learningRate 1e\+30, seed 1: ./m);
    expect(stdout).to.include('[2/2] learningRate 0.01, seed 1: done');
    expect(stdout).to.match(/^learningRate 1e\+30 +–$/m);
    expect(stdout).to.match(/^learningRate 0\.01 +\d/m);
    const page = readFileSync(folder.join('runs', 'studies', 'mine', 'study.md'), 'utf8');
    expect(page).to.include('## Failed\n\n- learningRate 1e+30, seed 1: ');
    expect(page).to.match(
      /\*\*red 1\?\*\*\n\n\| variant \| answer \|\n\| --- \| --- \|\n\| learningRate 0\.01 \| /,
    );
  });

  it('lists its runs without doing them', async () => {
    const { status, stdout } = await evolve(['study', study(STUDY), '--dry-run'], { cwd: folder.path });
    expect(status).to.equal(0);
    expect(stdout).to.equal(
      'all data, seed 1\nred alone, seed 1\nall data, seed 2\nred alone, seed 2\n4 runs, into runs/studies/mine\n',
    );
    writeFileSync(folder.join('empty.yaml'), 'run: run.yaml\nsources: { red: red }\n');
    const none = await evolve(['study', 'empty.yaml'], { cwd: folder.path });
    expect(none.stderr).to.include('expected variants or a grid, which say what is compared');
  });
});
