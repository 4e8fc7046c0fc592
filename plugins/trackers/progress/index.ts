/** Tells the person at the terminal how the run goes: a bar on a terminal, plain lines where output is piped. */

import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import { definePlugin, type LogEvent, z } from '../../../core/index.js';
import { DownloadTeller } from './download.js';
import { describeEnd, describeEval, describeStart, describeStep, duration } from './format.js';

const FORMAT = '{bar} {value}/{total}  loss {loss}  {speed} tokens/s  {left} left';

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
    let startedAt = 0;
    let saved = '';
    const losses: number[] = [];

    const print = (text: string) => {
      if (bars) bars.log(`${text}\n`);
      else stream.write(`${text}\n`);
    };
    const openBars = (hideCursor: boolean) => {
      if (!stream.isTTY) return undefined;
      bars = new MultiBar(
        { format: FORMAT, hideCursor, gracefulExit: false, stream },
        Presets.shades_classic,
      );
      return bars;
    };
    const closeBars = () => {
      // What was logged since the last redraw would be lost.
      bars?.update();
      bars?.stop();
      bars = undefined;
    };
    // The cursor stays: who interrupts a download ends the process at once.
    const downloads = new DownloadTeller(print, () => openBars(false));
    const tell = (event: LogEvent): void => {
      switch (event.type) {
        case 'notice':
          print(event.message);
          break;
        case 'start':
          print(describeStart(event));
          steps = event.steps;
          startedAt = performance.now();
          bar = openBars(true)?.create(steps, 0, { loss: '–', speed: '–', left: '–' });
          break;
        case 'download':
          if (event.status !== 'running') closeBars();
          downloads.tell(event);
          break;
        case 'step': {
          losses.push(event.loss);
          const secondsLeft = ((performance.now() - startedAt) / 1000 / event.step) * (steps - event.step);
          const speed = Math.round(event.tokensPerSecond);
          if (bar)
            bar.update(event.step, { loss: event.loss.toFixed(4), speed, left: duration(secondsLeft) });
          else print(describeStep(event, steps, secondsLeft));
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
      closeBars();
      // Where nothing was begun, the error alone says what there is to say.
      if (startedAt > 0) print(describeEnd(result, { saved, losses }));
    });
  },
});
