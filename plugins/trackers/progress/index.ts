/** Tells the person at the terminal how the run goes: a bar on a terminal, plain lines where output is piped. */

import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import { definePlugin, type LogEvent, type ProgressEvent, printable, z } from '../../../core/index.js';
import { DownloadTeller } from './download.js';
import { describeEnd, describeEval, describeStart, describeStep } from './format.js';
import { type StepState, secondsLeft, stepLine, taskLine } from './status-line.js';

/** Where there is no terminal, what takes long is told of at most so often. */
const SECONDS_BETWEEN_LINES = 10;

export default definePlugin({
  name: 'progress',
  apiVersion: 2,
  family: 'trackers',
  schema: z.strictObject({
    /** Where it writes; `evolve generate` keeps standard output for the answer. */
    stream: z.enum(['stdout', 'stderr']).default('stdout'),
  }),
  apply(trainer, options) {
    const stream = process[options.stream];
    let bars: MultiBar | undefined;
    let bar: SingleBar | undefined;
    let steps = 0;
    let stepsBefore = 0;
    let startedAt = 0;
    let state: StepState | undefined;
    let task: { event: ProgressEvent; startedAt: number } | undefined;
    let tenths = 0;
    let toldAt = performance.now();
    let saved = '';
    const losses: number[] = [];

    const print = (text: string) => {
      if (bars) {
        bars.log(`${printable(text)}\n`);
        // At once: a computation may keep the timer waiting.
        bars.update();
      } else stream.write(`${printable(text)}\n`);
    };
    const line = (columns: number): string => {
      if (task) return taskLine(task.event, secondsSince(task.startedAt), columns);
      return state ? stepLine(state, columns) : '';
    };
    const openBars = (clearOnComplete: boolean) => {
      if (!stream.isTTY || process.env.TERM === 'dumb') return undefined;
      bars = new MultiBar(
        // The terminal stays as it is, cursor and all: after Ctrl-Z or a kill, nobody would set it right.
        {
          format: () => line(stream.columns || 80),
          hideCursor: false,
          linewrap: true,
          gracefulExit: false,
          clearOnComplete,
          stream,
        },
        Presets.shades_classic,
      );
      return bars;
    };
    const closeBars = () => {
      // What was logged since the last redraw would be lost.
      bars?.update();
      bars?.stop();
      bars = bar = undefined;
    };
    const redraw = () => {
      // A bar of steps stays when it is full; of the reading of data nothing stays.
      bar ??= openBars(state === undefined)?.create(1, 0);
      bars?.update();
    };
    const endTask = () => {
      task = undefined;
      if (!state && bar) closeBars();
    };
    const tellTask = (event: ProgressEvent) => {
      if (event.done === event.total) return endTask();
      if (task?.event.task !== event.task) task = { event, startedAt: performance.now() };
      else task.event = event;
      redraw();
      if (bar || secondsSince(toldAt) < SECONDS_BETWEEN_LINES) return;
      toldAt = performance.now();
      print(line(80));
    };
    const downloads = new DownloadTeller(print, () => openBars(false));
    const tell = (event: LogEvent): void => {
      if (event.type !== 'progress' && event.type !== 'notice') endTask();
      switch (event.type) {
        case 'notice':
          print(event.message);
          break;
        case 'start':
          closeBars();
          print(describeStart(event));
          steps = event.steps;
          startedAt = performance.now();
          stepsBefore = event.resumedFrom ?? 0;
          state = { steps, stepsBefore, secondsGone: 0 };
          redraw();
          break;
        case 'download':
          if (event.status !== 'running' || bar) closeBars();
          downloads.tell(event);
          break;
        case 'progress':
          tellTask(event);
          break;
        case 'step': {
          losses.push(event.loss);
          state = { steps, stepsBefore, secondsGone: secondsSince(startedAt), event };
          // Some lines stay above the bar, to be looked at later.
          const isTenth = Math.floor((10 * event.step) / steps) > tenths;
          if (isTenth) tenths = Math.floor((10 * event.step) / steps);
          if (!bar || isTenth) print(describeStep(event, steps, secondsLeft(state)));
          break;
        }
        case 'eval':
          print(describeEval(event));
          break;
        case 'save':
          saved = event.path;
          break;
      }
    };
    trainer.hooks.log.tap(tell);
    trainer.hooks.done.tap((result) => {
      endTask();
      closeBars();
      // Where nothing was begun, the error alone says what there is to say.
      if (startedAt > 0) print(describeEnd(result, { saved, losses }));
    });
  },
});

function secondsSince(moment: number): number {
  return (performance.now() - moment) / 1000;
}
