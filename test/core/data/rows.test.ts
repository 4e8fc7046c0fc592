import { existsSync } from 'node:fs';
import { expect } from 'chai';
import type { Encoder } from '../../../core/contracts/encoder.js';
import type { LogEvent } from '../../../core/contracts/tracker.js';
import { type RowList, splitRows } from '../../../core/data/rows.js';
import type { Example, Turn } from '../../../core/index.js';
import { corpusOf } from '../../support/corpus.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { composeTestRun, EIGHT_ROWS } from '../../support/runs.js';

describe('the rows of a run', () => {
  let folder: TemporaryFolder;

  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  /** Runs one step over `rows` and returns what trackers were told. */
  async function eventsOf(
    rows: string,
    values: { validationSize?: number } = {},
  ): Promise<readonly LogEvent[]> {
    const data = folder.write('rows.json', rows);
    const run = await composeTestRun({ output: folder.join('run'), data, train: { maxSteps: 1 }, ...values });
    await run.trainer.run();
    return run.events;
  }

  it('leaves rows out that would train on nothing, and says how many and why', async () => {
    const events = await eventsOf(
      JSON.stringify([
        { instruction: 'Say yes.', output: 'Yes.' },
        { instruction: 'Say nothing.', output: ' ' },
        { instruction: 'word '.repeat(400), output: 'Too long.' },
      ]),
    );
    const notices = events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));
    expect(notices).to.include('1 of 3 records is left out: its output is empty');
    expect(notices).to.include(
      '1 of 3 records is left out: its prompt alone fills data.cutoffLength (256 tokens)',
    );
    expect(events.find((event) => event.type === 'start')).to.include({ trainRows: 1 });
  });

  it('holds rows out, and never all', async () => {
    const start = (await eventsOf(EIGHT_ROWS, { validationSize: 3 })).find((event) => event.type === 'start');
    expect(start).to.include({ trainRows: 5, validationRows: 3 });
    await expectError(
      () => eventsOf(EIGHT_ROWS, { validationSize: 8 }),
      'CONFIG_INVALID',
      'none of the 8 rows',
    );
  });

  it('ends before the output folder is touched where no row is usable', async () => {
    const data = folder.write('rows.json', JSON.stringify([{ instruction: 'a', output: '' }]));
    const run = await composeTestRun({ output: folder.join('run'), data });
    await expectError(() => run.trainer.run(), 'DATA_EMPTY', 'no usable record');
    expect(existsSync(folder.join('run'))).to.equal(false);
  });
});

describe('splitRows', () => {
  async function prepare(
    examples: readonly Example[],
    data: { validationSize?: number } & Record<string, unknown> = {},
    other?: Encoder,
  ) {
    const values = {
      model: { path: fixture('llama') },
      data: { sources: ['given'], cutoffLength: 128, validationSize: 0, ...data },
    };
    const { run, corpus, encoder } = await corpusOf(values, examples, other);
    const rows = splitRows(corpus, run.config);
    const notices = run.events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));
    const all = (list: RowList) => list.read(0, list.length);
    return { rows, notices, encoder, train: all(rows.train.pass(0)), validation: all(rows.validation) };
  }
  const turns = (...roles: Turn['role'][]): Example => ({
    kind: 'turns',
    source: 'chats',
    turns: roles.map((role) => ({ role, content: `${role}.`, trained: role === 'assistant' })),
  });
  const silent: Example = {
    kind: 'turns',
    turns: [
      { role: 'user', content: 'Hello?', trained: false },
      { role: 'assistant', content: 'Hello.', trained: false },
    ],
  };

  it('encodes each example, and leaves out what no label is in, by kind', async () => {
    const text: Example = { kind: 'text', text: 'One.' };
    const examples = [text, { ...text, text: ' ' }, silent, turns('user', 'assistant')];
    const { train, notices, encoder } = await prepare(examples, { shuffle: false });
    expect(train.flat().map(({ inputIds, spans }) => ({ inputIds, spans }))).to.deep.equal(
      [examples[0], examples[3]].map((e) => encoder.encode(e, 128)),
    );
    expect(notices).to.deep.equal([
      '1 of 4 records is left out: its text is empty',
      '1 of 4 records is left out: its trained turns are empty',
    ]);
  });

  it('says which example is too long for the patterns of a tokenizer', async () => {
    const long: Example = { kind: 'text', text: 'x'.repeat(1_000_000), source: 'big.json' };
    const short: Example = { kind: 'text', text: 'a', source: 'big.json' };
    const { encoder } = await prepare([short]);
    // As patterns do with so long a word.
    const encode: Encoder['encode'] = (example, limit) => {
      if (example === long) throw new RangeError('Maximum call stack size exceeded');
      return encoder.encode(example, limit);
    };
    await expectError(
      () => prepare([short, long], {}, { ...encoder, encode }),
      'DATA_RECORD',
      /big\.json, example 2: a text is too long .* 1,000,0\d\d characters/,
    );
  });

  it('refuses what an encoder must not give: labels twice or nowhere, and more tokens than allowed', async () => {
    const one: Example = { kind: 'text', text: 'a', source: 'rows.json' };
    const { encoder } = await prepare([one]);
    const refused = (tokens: number, spans: [number, number][], text: string) => {
      const encode = () => ({ inputIds: new Int32Array(tokens).fill(5), spans });
      return expectError(
        () => prepare([one], {}, { ...encoder, encode }),
        'PLUGIN_FAILED',
        'rows.json, example 1',
        text,
      );
    };
    await refused(
      4,
      [
        [0, 3],
        [2, 4],
      ],
      'the span [2, 4] of 4 tokens',
    );
    await refused(4, [[1, 9]], 'the span [1, 9]');
    await refused(4, [[3, 1]], 'the span [3, 1]');
    await refused(100_000, [[0, 2]], '100000 tokens');
  });

  it('holds out a number of rows, or a share of them, but never all', async () => {
    const held = async (rows: number, size: number) => {
      const examples = Array.from({ length: rows }, (_, i): Example => ({ kind: 'text', text: `Row ${i}.` }));
      const { validation, train } = await prepare(examples, { validationSize: size });
      expect(validation.length + train.length).to.equal(rows);
      return validation.length;
    };
    expect(await held(20, 3)).to.equal(3);
    expect(await held(20, 0.25)).to.equal(5);
    expect(await held(20, 0.01)).to.equal(1);
    expect(await held(2, 0.9)).to.equal(1);
    expect(await held(1, 0.5)).to.equal(0);
  });

  it('says which example of a source cannot be encoded', async () => {
    const other: Example = { kind: 'text', text: 'a', source: 'other' };
    const fine = turns('user', 'assistant');
    await expectError(
      () => prepare([fine, other, turns('user', 'tool', 'assistant')]),
      'DATA_RECORD',
      'chats, example 2: turn 2 of 3 is by "tool"',
    );
    const pair: Example = {
      kind: 'preference',
      source: 'pairs',
      prompt: { instruction: 'a', input: '' },
      chosen: 'b',
      rejected: 'c',
    };
    await expectError(
      () => prepare([fine, pair]),
      'DATA_RECORD',
      'pairs, example 1: preference pairs are for preference tuning',
    );
  });
});
