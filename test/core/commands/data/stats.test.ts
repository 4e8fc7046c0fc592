import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { Seen } from '../../../../core/commands/data/seen.js';
import { charactersOf, Statistics } from '../../../../core/commands/data/statistics.js';
import type { Example } from '../../../../core/index.js';
import { instruction } from '../../../support/examples.js';
import { fixture, ROOT, TemporaryFolder } from '../../../support/files.js';
import { evolveShared } from '../../../support/shared-cli.js';

const row = (asked: string, output: string, language?: string): Example => ({
  ...instruction({ instruction: asked, input: '', output }),
  ...(language && { language }),
});

describe('what evolve data stats counts', () => {
  const reportOf = (examples: readonly Example[], heldOut: readonly Example[] = []) => {
    const statistics = new Statistics('tokens');
    for (const example of heldOut) statistics.holdOut(example);
    for (const example of examples) statistics.add(example, charactersOf(example));
    return statistics.report();
  };

  it('lengths: exactly, by share and in bars of twice the length', () => {
    const examples = Array.from({ length: 100 }, (_, i) =>
      row(`${i}`, 'x'.repeat(10 * (i + 1) - `${i}`.length)),
    );
    const { lengths } = reportOf(examples);
    expect(lengths).to.include({ mean: 505, median: 500, p90: 900, p99: 990, longest: 1000 });
    const bars = [
      [0, 16, 1],
      [17, 32, 2],
      [33, 64, 3],
      [65, 128, 6],
      [129, 256, 13],
      [257, 512, 26],
      [513, 1024, 49],
    ];
    expect(lengths.bars.map(({ from, to, rows }) => [from, to, rows])).to.deep.equal(bars);
  });

  it('what a cutoffLength cuts', () => {
    const { cut } = reportOf([row('', 'x'.repeat(600)), row('', 'x'.repeat(512)), row('', 'x'.repeat(3000))]);
    expect(cut).to.deep.equal([
      { at: 512, rows: 2, tokens: 88 + 2488 },
      { at: 1024, rows: 1, tokens: 1976 },
      { at: 2048, rows: 1, tokens: 952 },
    ]);
  });

  it('what comes again: whole rows, and questions with another answer', () => {
    const { duplicates, rows } = reportOf([row('Q', 'a'), row(' q ', 'A'), row('Q', 'b'), row('R', 'a')]);
    expect(rows).to.equal(4);
    expect(duplicates).to.deep.equal({ rows: 1, questions: 1 });
  });

  it('what training and held-out rows share', () => {
    const { overlap } = reportOf(
      [row('Q', 'a'), row('Q', 'b'), row('R', 'c')],
      [row('q', 'A'), row('S', 'd')],
    );
    expect(overlap).to.deep.equal({ heldOut: 2, rows: 1, questions: 1 });
  });

  it('languages: those that are said, else the script of the letters', () => {
    const { languages } = reportOf([
      ...[
        row('Frage', 'Antwort', 'de'),
        row('Hello', 'you'),
        row('你好', '世界'),
        row('こんにちは', 'せかい'),
      ],
      ...[row('привет', 'мир'), row('1 + 1', '2')],
    ]);
    expect(languages).to.deep.equal({
      de: 1,
      'script Latin': 1,
      'script Han': 1,
      'script Japanese': 1,
      'script Cyrillic': 1,
      'no letters': 1,
    });
  });

  it('which texts were seen, among many', () => {
    const seen = new Seen();
    const texts = Array.from({ length: 50_000 }, (_, i) => `text ${i}`);
    expect(texts.every((text) => seen.add(text))).to.equal(true);
    expect(texts.some((text) => seen.add(text))).to.equal(false);
    expect(seen.has('text 50000')).to.equal(false);
  });
});

describe('evolve data stats', () => {
  const folder = new TemporaryFolder();
  after(() => folder.remove());
  const run = (...args: string[]) => evolveShared(['data', 'stats', ...args], { cwd: folder.path });

  it('draws within 80 columns, and writes a page that needs nothing beside it', async () => {
    folder.write('<b>.jsonl', '{"instruction":"a","output":"b"}\n'.repeat(3));
    const { stdout, status } = await run('<b>.jsonl', 'cot', '--html', 'page.html');
    expect(status).to.equal(0);
    expect(stdout).to.include('403 rows: 403 instructions').and.to.include('2 rows come again (0.5 %)');
    const drawn = stdout.split('\n').filter((line) => line.includes('█'));
    expect(drawn).to.not.be.empty;
    for (const line of drawn) expect(line.length, line).to.be.below(80);
    const page = readFileSync(folder.join('page.html'), 'utf8');
    expect(page).to.include('&#60;b&#62;.jsonl').and.to.include('403 rows');
    expect(page).to.not.match(/<b>|https?:|<script|<link|src=/);
    const again = await run('cot', '--html', 'page.html');
    expect(again.stderr).to.include('--html page.html: is there already');
  });

  it('counts tokens with a model, and rows of held-out data, in JSON', async () => {
    folder.write('b.jsonl', '{"instruction":"Name a color.","output":"Blue."}\n');
    const model = path.join(ROOT, 'data', 'models', 'llama-tiny');
    const { stdout, stderr } = await run('b.jsonl', '--held-out', 'b.jsonl', '--model', model, '--json');
    const report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    expect(report, stderr).to.deep.include({ type: 'stats', rows: 1, unit: 'tokens', unmeasured: 0 });
    expect(report.overlap).to.deep.equal({ heldOut: 1, rows: 1, questions: 0 });
    const expected = JSON.parse(readFileSync(fixture('dataset-info', 'expected.json'), 'utf8'));
    const [[[prompt, target]]] = expected.plain.map(({ rows }: { rows: number[][][] }) => rows);
    expect(report.lengths.longest).to.equal(prompt.length + target.length);
    expect(report.trained.longest).to.equal(target.length);
  });
});
