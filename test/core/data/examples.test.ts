import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { BadRows } from '../../../core/data/bad-rows.js';
import { ExampleReader } from '../../../core/data/examples.js';
import { definePlugin, type Example } from '../../../core/index.js';
import { type ComposedRun, compose } from '../../support/compose.js';
import { collect, expectError } from '../../support/errors.js';
import { TemporaryFolder } from '../../support/files.js';
import { EIGHT_ROWS } from '../../support/runs.js';

/** A format that brings its data along: an example of every kind, of which one says where it is from. */
const EVERY_KIND: Example[] = [
  { kind: 'instruction', instruction: 'a', input: '', output: 'b', source: 'elsewhere', language: 'en' },
  { kind: 'text', text: 'a' },
  { kind: 'turns', turns: [{ role: 'user', content: 'a', trained: false }] },
  { kind: 'preference', prompt: { instruction: 'a', input: '' }, chosen: 'b', rejected: 'c' },
];
const everyKind = definePlugin({
  name: 'every-kind',
  apiVersion: 2,
  apply(trainer) {
    trainer.hooks.loadData.tap(({ format }) => (format === 'every-kind' ? yieldAll() : undefined));
  },
});
async function* yieldAll(): AsyncGenerator<Example> {
  yield* EVERY_KIND;
}

describe('ExampleReader', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  const read = ({ config, hooks, context }: ComposedRun) =>
    collect(new ExampleReader(config, hooks, context.signal, new BadRows(config, hooks)).read());

  it('mixes sources, of each no more than its limit', async () => {
    const source = { path: folder.write('rows.json', EIGHT_ROWS), format: 'alpaca' };
    const run = await compose({ data: { sources: [{ ...source, limit: 3 }, source] } });
    const examples = await read(run);
    expect(examples.map(({ entry }) => entry)).to.deep.equal([0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
  });

  it('ends where it is interrupted while it waits for a pipe', async () => {
    const pipe = folder.join('pipe');
    execFileSync('mkfifo', [pipe]);
    const interruption = new AbortController();
    const data = { sources: [{ path: pipe, format: 'alpaca' }] };
    const run = await compose({ data }, { signal: interruption.signal });
    setTimeout(() => interruption.abort(), 20);
    await expectError(() => read(run), 'INTERRUPTED');
  });

  it('says of each example which source it is from, unless it says so itself', async () => {
    const run = await compose({ data: { sources: ['cot', 'every-kind'] } }, { further: [everyKind] });
    const examples = (await read(run)).map(({ example }) => example);
    const own = examples.slice(-EVERY_KIND.length);
    expect(own.map(({ source }) => source)).to.deep.equal([
      'elsewhere',
      'every-kind',
      'every-kind',
      'every-kind',
    ]);
    expect(own).to.deep.equal(EVERY_KIND.map((example) => ({ source: 'every-kind', ...example })));
    expect(new Set(examples.slice(0, -EVERY_KIND.length).map(({ source }) => source))).to.deep.equal(
      new Set(['cot']),
    );
  });
});
