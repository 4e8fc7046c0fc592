import { expect } from 'chai';
import { LongRows, toldOfLong } from '../../../core/data/long-rows.js';
import type { Encoder, Example } from '../../../core/index.js';
import { encoderOf } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture } from '../../support/files.js';

const CUTOFF = 60;

describe('LongRows', () => {
  let encoder: Encoder;
  before(async () => {
    encoder = await encoderOf({ model: { path: fixture('llama') } });
  });
  const rowsOf = (long: 'cut' | 'drop' | 'split', ...examples: Example[]) => {
    const rows = new LongRows(encoder, { cutoffLength: CUTOFF, long });
    const fitting = examples.map((example) => rows.fit(example, encoder.encode(example, CUTOFF)));
    return { fitting, rows };
  };
  const textOf = (count: number): Example => ({ kind: 'text', text: 'a b c d e f g h i j '.repeat(count) });
  const length = (example: Example) => encoder.encode(example, Number.MAX_SAFE_INTEGER).inputIds.length;
  const exchange = (i: number) => [
    { role: 'user' as const, content: `q${i}`, trained: false },
    { role: 'assistant' as const, content: `a${i}`, trained: true },
  ];
  const system = { role: 'system' as const, content: 'S', trained: false };
  const chat = (count: number): Example => ({
    kind: 'turns',
    turns: [system, ...Array.from({ length: count }, (_, i) => exchange(i)).flat()],
  });

  it('cuts, and counts rows, tokens, and rows without their end token', () => {
    const [short, long] = [textOf(1), textOf(20)];
    const { fitting, rows } = rowsOf('cut', short, long);
    expect(fitting).to.deep.equal([[encoder.encode(short, CUTOFF)], [encoder.encode(long, CUTOFF)]]);
    expect(rows.counts).to.include({ cutRows: 1, cutTokens: length(long) - CUTOFF, rowsWithoutEnd: 1 });
    expect(toldOfLong(rows.counts, CUTOFF)).to.deep.equal([]);
  });

  it('counts no row that has just as many tokens as fit', () => {
    const example = textOf(3);
    const rows = new LongRows(encoder, { cutoffLength: length(example), long: 'cut' });
    rows.fit(example, encoder.encode(example, length(example)));
    expect(rows.counts.cutRows).to.equal(0);
  });

  it('drops', () => {
    const { fitting, rows } = rowsOf('drop', textOf(1), textOf(20));
    expect(fitting.map((each) => each.length)).to.deep.equal([1, 0]);
    expect(toldOfLong(rows.counts, CUTOFF)).to.deep.equal([
      '1 record is left out: longer than data.cutoffLength (60 tokens)',
    ]);
    expect(rows.counts.cutRows).to.equal(0);
  });

  it('splits a text into rows that together have all of it', () => {
    const long = textOf(20);
    const { fitting, rows } = rowsOf('split', long);
    const whole = encoder.encode(long, Number.MAX_SAFE_INTEGER);
    const ids = fitting[0].flatMap(({ inputIds }) => [...inputIds]);
    expect(ids).to.deep.equal([...whole.inputIds]);
    const labels = fitting[0].flatMap(({ spans }) => spans.map(([start, end]) => end - start));
    const all = whole.spans.map(([start, end]) => end - start);
    expect(labels.reduce((sum, size) => sum + size)).to.equal(all.reduce((sum, size) => sum + size));
    expect(toldOfLong(rows.counts, CUTOFF)[0]).to.match(/^1 text is longer than .*: split into \d+ rows$/);
  });

  it('takes the oldest turns off a conversation, and keeps what the system said', () => {
    const long = chat(20);
    const { fitting, rows } = rowsOf('split', long);
    const [[row]] = fitting;
    expect(row.inputIds.length).to.be.at.most(CUTOFF);
    const text = encoder.tokenizer.decode([...row.inputIds]);
    expect(text).to.match(/^S\b/).and.to.include('q19').and.to.not.include('q0\n');
    expect(row.inputIds.at(-1)).to.equal(encoder.tokenizer.eosId);
    expect(rows.counts.cutRows).to.equal(0);
    expect(toldOfLong(rows.counts, CUTOFF)[0]).to.match(
      /^1 conversation is longer than .*: the oldest turns are left off, \d+ in all$/,
    );
  });

  it('cuts an instruction, and a last exchange that is too long by itself', () => {
    const words = 'word '.repeat(200);
    const asked: Example = { kind: 'instruction', instruction: 'x', input: '', output: words };
    const last: Example = {
      kind: 'turns',
      turns: [...exchange(0), { ...exchange(1)[0] }, { ...exchange(1)[1], content: words }],
    };
    const { fitting, rows } = rowsOf('split', asked, last);
    expect(fitting.flat().map(({ inputIds }) => inputIds.length)).to.deep.equal([CUTOFF, CUTOFF]);
    expect(rows.counts.cutRows).to.equal(2);
  });

  it('refuses to split a text where the model cannot', () => {
    const other: Encoder = {
      tokenizer: encoder.tokenizer,
      encode: (example, cutoff) => encoder.encode(example, cutoff),
      encodePrompt: (prompt) => encoder.encodePrompt(prompt),
    };
    const rows = new LongRows(other, { cutoffLength: CUTOFF, long: 'split' });
    return expectError(
      () => rows.fit(textOf(20), encoder.encode(textOf(20), CUTOFF)),
      'CONFIG_INVALID',
      'no way to split a text',
    );
  });
});
