import { expect } from 'chai';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { composeTestRun, EIGHT_ROWS } from '../../support/runs.js';
import { evolveShared } from '../../support/shared-cli.js';

interface Evaluated {
  readonly shots: number;
  readonly rows: number;
  readonly evalLoss: number;
  readonly evalLossStderr: number;
  readonly [metric: string]: unknown;
}

describe('evolve evaluate', () => {
  let folder: TemporaryFolder;
  let data: string;
  let run: { output: string; evalLoss: number | null };
  before(async () => {
    folder = new TemporaryFolder();
    data = folder.write('rows.json', EIGHT_ROWS);
    const output = folder.join('run');
    const trained = await composeTestRun({ output, data, validationSize: 3, train: { maxSteps: 2 } });
    const { evalLoss } = await trained.trainer.run();
    run = { output, evalLoss };
  });
  after(() => folder.remove());

  const evaluate = async (...options: string[]): Promise<Evaluated[]> => {
    const { status, stdout, stderr } = await evolveShared([
      'evaluate',
      ...options,
      '--device',
      'portable',
      '--json',
    ]);
    expect(status, stderr).to.equal(0);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.at(-1)).to.deep.equal({ type: 'done' });
    return lines.slice(0, -1);
  };

  it('measures a run on the rows that it held out, as the run did, with the perplexity and its error', async () => {
    const [found] = await evaluate('--run', run.output);
    expect(found).to.include({ type: 'evaluation', shots: 0, rows: 3, evalLoss: run.evalLoss });
    expect(found.perplexity).to.be.closeTo(Math.exp(found.evalLoss), 1e-9);
    expect(found.perplexityStderr).to.be.closeTo(Number(found.perplexity) * found.evalLossStderr, 1e-6);
  });

  it('measures a base model on all rows of data, with metrics that are named', async () => {
    const [found] = await evaluate(
      ...['--model', fixture('llama'), '--data', data, '--metric', 'rouge-l'],
      ...['--metric', '{ name: exact-match, maxNewTokens: 4 }'],
    );
    expect(found).to.include({ rows: 8, exactMatch: 0, exactMatchStderr: 0 });
    expect(found.rougeL).to.be.within(0, 1);
    const [limited] = await evaluate('--model', fixture('llama'), '--data', data, '--limit', '4');
    expect(limited.rows).to.equal(4);
  });

  it('asks the same questions, whatever number of solved ones stands before them', async () => {
    const found = await evaluate('--model', fixture('llama'), '--data', data, '--few-shot', '0,1,2');
    expect(found.map(({ shots, rows }) => [shots, rows])).to.deep.equal([
      [0, 6],
      [1, 6],
      [2, 6],
    ]);
    expect(new Set(found.map(({ evalLoss }) => evalLoss)).size).to.equal(3);
    const targets = found.map(({ bySource }) =>
      Object.values(bySource as Record<string, { targets: number }>).map((group) => group.targets),
    );
    expect(targets[1]).to.deep.equal(targets[0]);
  });

  it('leaves rows out of all evaluations that one of them cannot take, and says so where none is left', async () => {
    const row = (instruction: string, words: number) => ({ instruction, output: 'word '.repeat(words) });
    const short = Array.from({ length: 6 }, (_, i) => row(`short ${i}`, 4));
    const file = folder.write('long.json', JSON.stringify([...short, row('long', 100), row('longer', 110)]));
    const base = ['--model', fixture('llama'), '--data', file, '--few-shot'];
    const found = await evaluate(...base, '0,1');
    // Of eight, one is shown, and the long ones have no room behind it.
    expect(found.map(({ rows }) => rows)).to.deep.equal([5, 5]);
    const none = await evolveShared(['evaluate', ...base, '5', '--device', 'portable']);
    expect(none.status).to.equal(2);
    expect(none.stderr).to.include('3 of 3 rows are left out').and.to.include('Show fewer solved questions');
  });

  it('finds the likelier choice, which is that of the higher log-probability', async () => {
    const questions = [
      { question: 'Name color 1.', choices: ['It is red.', 'It is blue.'], answer: 'A' },
      { question: 'Name color 1.', choices: ['It is red.', 'It is blue.'], answer: 'B' },
    ];
    const file = folder.write('choices.json', JSON.stringify(questions));
    const metric = `{ name: multiple-choice, path: ${file} }`;
    const [found] = await evaluate('--model', fixture('llama'), '--data', data, '--metric', metric);
    // Of two that differ in their answer alone one is right.
    expect(found).to.include({ multipleChoice: 0.5, multipleChoiceByLength: 0.5 });
  });

  it('refuses a limit of data that is not named', async () => {
    const { stderr, status } = await evolveShared(['evaluate', '--run', run.output, '--limit', '3']);
    expect(status).to.equal(2);
    expect(stderr).to.include('--limit goes with --data');
  });

  it('prints a table, and the answers of samples beside it', async () => {
    const options = ['--run', run.output, '--device', 'portable', '--metric', '{ name: samples, limit: 1 }'];
    const { stdout, stderr } = await evolveShared(['evaluate', ...options]);
    expect(stdout).to.match(/^METRIC +VALUE +STD\. ERROR\nevalLoss +\d[\d.]* +± /);
    expect(stdout).to.include('(3 rows)');
    expect(stderr)
      .to.include('device portable')
      .and.to.match(/^Name .* -> /m);
  });

  for (const [what, options, told] of [
    ['no data for a base model', ['--model', fixture('llama')], 'expected data to measure the model on'],
    [
      'an unknown metric',
      ['--model', fixture('llama'), '--data', 'DATA', '--metric', 'rouge'],
      '--metric: unknown metric "rouge"',
    ],
    [
      'too many solved questions',
      ['--model', fixture('llama'), '--data', 'DATA', '--few-shot', '8'],
      '--few-shot 8: of the 8 rows',
    ],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const { status, stderr } = await evolveShared([
        'evaluate',
        ...options.map((option) => (option === 'DATA' ? data : option)),
        ...['--device', 'portable'],
      ]);
      expect(status).to.equal(2);
      expect(stderr).to.include(told);
    });
  }
});
