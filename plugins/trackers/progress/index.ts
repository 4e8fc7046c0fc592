/** Tells the person at the terminal how the run goes: a bar on a terminal, plain lines where output is piped. */

import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import { definePlugin, type LogEvent } from '../../../core/index.js';
import { describeEnd, describeEval, describeStart, describeStep, duration } from './format.js';

const FORMAT = '{bar} {value}/{total}  loss {loss}  {speed} tokens/s  {left} left';

export default definePlugin({
  name: 'progress',
  apiVersion: 1,
  family: 'trackers',
  apply(trainer) {
    let bars: MultiBar | undefined;
    let bar: SingleBar | undefined;
    let steps = 0;
    let startedAt = 0;
    let saved = '';

    const print = (text: string) => {
      if (bars) bars.log(`${text}\n`);
      else process.stdout.write(`${text}\n`);
    };
    const tell = (event: LogEvent): void => {
      switch (event.type) {
        case 'notice':
          print(event.message);
          break;
        case 'start':
          print(describeStart(event));
          steps = event.steps;
          startedAt = performance.now();
          if (process.stdout.isTTY) {
            bars = new MultiBar(
              { format: FORMAT, hideCursor: true, gracefulExit: false, stream: process.stdout },
              Presets.shades_classic,
            );
            bar = bars.create(steps, 0, { loss: '–', speed: '–', left: '–' });
          }
          break;
        case 'step': {
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
      bars?.stop();
      bars = undefined;
      // Where nothing was begun, the error alone says what there is to say.
      if (startedAt > 0) print(describeEnd(result, saved));
    });
  },
});
