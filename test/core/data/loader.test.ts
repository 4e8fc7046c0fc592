import { existsSync } from 'node:fs';
import { expect } from 'chai';
import type { LogEvent } from '../../../core/contracts/tracker.js';
import { compose } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { composeTestRun, EIGHT_ROWS } from '../../support/runs.js';

describe('DataLoader', () => {
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

  it('mixes sources, of each no more than its limit', async () => {
    const path = folder.write('rows.json', EIGHT_ROWS);
    const source = { path, format: 'alpaca' };
    const run = await compose({
      model: { path: fixture('llama') },
      data: { sources: [{ ...source, limit: 3 }, source], cutoffLength: 256, validationSize: 0 },
      train: { maxSteps: 1, warmupSteps: 0, perDeviceBatchSize: 1, gradientAccumulationSteps: 1 },
      adapter: {},
      device: 'portable',
      output: folder.join('run'),
    });
    await run.trainer.run();
    expect(run.events.find((event) => event.type === 'start')).to.include({ trainRows: 11 });
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
