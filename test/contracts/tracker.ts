/**
 * What every tracker must do:
 *
 *     describeTracker('metrics', { tells: 'metrics.jsonl' });
 */

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import type { DownloadEvent, LogEvent, RunResult } from '../../core/index.js';
import { type Choice, choose } from '../support/choice.js';
import { type ComposedRun, compose } from '../support/compose.js';
import { TemporaryFolder } from '../support/files.js';
import { EVAL, NOTICE, RESULT, SAVE, START, STEP } from '../support/sample-events.js';
import { captureStdout } from '../support/stdout.js';

export interface TrackerFixture {
  readonly options?: object;
  /** Where it tells what it hears: on standard output, or in a file of the output folder. */
  readonly tells: 'stdout' | string | RegExp;
  /** What a file of its own says, as text; UTF-8 unless it is given. */
  readonly read?: (file: string) => string;
}

const download = (status: DownloadEvent['status'], bytes: number): DownloadEvent => ({
  type: 'download',
  name: 'owner/name',
  files: 5,
  bytes,
  totalBytes: 2e6,
  status,
});

/** The events of a run that ends well, in their order. */
const EVENTS: readonly LogEvent[] = [
  download('running', 0),
  download('running', 1e6),
  download('completed', 2e6),
  NOTICE,
  START,
  STEP,
  EVAL,
  { type: 'progress', task: 'reading', done: 5000 } as const,
  { type: 'progress', task: 'encoding', done: 9000, total: 9000 } as const,
  { ...EVAL, step: 0 },
  { ...EVAL, accuracy: 0.5, told: 'by a plugin' },
  SAVE,
].map((event) => Object.freeze(event));

const ENDS: readonly RunResult[] = [
  RESULT,
  { ...RESULT, status: 'stopped', stopReason: 'it is good enough' },
  { ...RESULT, status: 'interrupted', evalLoss: null },
  {
    ...RESULT,
    status: 'failed',
    steps: 0,
    savedStep: null,
    parameters: null,
    rows: null,
    firstLoss: null,
    lastLoss: null,
    baseLoss: null,
    evalLoss: null,
    error: { code: 'NOT_FINITE', message: 'the loss of step 1 is NaN' },
  },
].map((result) => Object.freeze(result) as RunResult);

/** @param third the files of third parties' plugins */
export function describeTracker(name: string, fixture: TrackerFixture, third?: Choice): void {
  const { options = {}, tells, read = (file) => readFileSync(file, 'utf8') } = fixture;

  describe(`the tracker ${name} ${JSON.stringify(options)}`, () => {
    let folder: TemporaryFolder;
    beforeEach(() => {
      folder = new TemporaryFolder();
    });
    afterEach(() => folder.remove());

    const track = () => compose({ output: folder.path, ...choose('trackers', name, { ...third, options }) });
    const tell = async ({ hooks }: ComposedRun, events: readonly LogEvent[], result: RunResult) => {
      for (const event of events) hooks.log.call(event);
      await hooks.done.promise(result);
    };
    /** What it wrote of a run. */
    const toldOf = async (run: ComposedRun, events: readonly LogEvent[], result = RESULT) => {
      const stdout = await captureStdout(() => tell(run, events, result));
      const files = readdirSync(folder.path);
      if (tells === 'stdout') expect(files).to.deep.equal([]);
      for (const file of files) expect(file).to.match(tells instanceof RegExp ? tells : RegExp(`^${tells}$`));
      return stdout + files.map((file) => read(folder.join(file))).join('');
    };

    it('takes every event, and tells of steps and evaluations', async () => {
      const told = await toldOf(await track(), EVENTS);
      // The loss of the step and that of the evaluation, however many digits are shown.
      expect(told)
        .to.match(/\b1\.23/)
        .and.to.match(/\b2\.50*\b/);
    });

    for (const result of ENDS) {
      it(`takes the end of a run that is ${result.status}, wherever it ended`, async () => {
        for (let count = 0; count <= EVENTS.length; count += 3) {
          await toldOf(await track(), EVENTS.slice(0, count), result);
        }
      });
    }

    it('is silent in a process that is not the first', async () => {
      const run = await track();
      run.context.world = { ...run.context.world, rank: 1, size: 2 };
      expect(await toldOf(run, EVENTS)).to.equal('');
    });

    it('says nothing more once the run has ended, on a terminal or not', async () => {
      for (const columns of [0, 120]) {
        const run = await track();
        const later = await captureStdout(async () => {
          await captureStdout(() => tell(run, EVENTS, RESULT), columns);
          // A bar is drawn ten times a second.
          await setTimeout(150);
        }, columns);
        expect(later).to.equal('');
      }
    });
  });
}
