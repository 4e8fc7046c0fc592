/**
 * Writes an event file for TensorBoard into the output folder: every number of steps and evaluations, and the configuration as
 * text. A run that goes on begins a further file, which replaces what the files before it have of later steps.
 */

import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { definePlugin, type EvalEvent, type StepEvent } from '../../../core/index.js';
import { appendWhole } from '../kit/append-whole.js';
import { restartEvent, scalarEvent, textEvent, versionEvent } from './events.js';
import { framed } from './records.js';
import { scalarsOf } from './scalars.js';

/** Files that one process began within one second. */
let count = 0;

export default definePlugin({
  name: 'tensorboard',
  apiVersion: 2,
  family: 'trackers',
  apply({ hooks, run }) {
    const folder = run?.output ?? '';
    let file: string | undefined;
    const now = () => Date.now() / 1000;
    const write = (event: Uint8Array) => {
      if (file === undefined) {
        // TensorBoard takes the files of a folder in the order of their names.
        const name = `events.out.tfevents.${Math.floor(now())}.${hostname()}.${process.pid}.${count++}`;
        file = path.join(folder, name);
        appendWhole(file, framed(versionEvent(now())));
      }
      appendWhole(file, framed(event));
    };
    const tell = (event: StepEvent | EvalEvent, group: string) => {
      write(scalarEvent(now(), event.step, scalarsOf(event, group)));
    };
    hooks.log.tap((event) => {
      if (event.type === 'start') {
        if (event.resumedFrom !== undefined) write(restartEvent(now(), event.resumedFrom + 1));
        const config = path.join(folder, 'config.yaml');
        if (existsSync(config)) write(textEvent(now(), 0, 'config', asCode(readFileSync(config, 'utf8'))));
      } else if (event.type === 'step') tell(event, 'train');
      else if (event.type === 'eval') tell(event, 'eval');
    });
  },
});

/** As Markdown. */
function asCode(text: string): string {
  return text.replace(/^/gm, '    ');
}
