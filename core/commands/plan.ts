/** A plan for the person: `evolve run CONFIG --dry-run`. */

import { displayPath } from '../base/paths.js';
import { printable } from '../base/printable.js';
import type { Plan, PlannedRows } from '../run/plan.js';

/** The plan as lines, of at most 80 columns where names are short. */
export function describePlan(plan: Plan): string {
  const { rows, parameters, memory, time, disk } = plan;
  const share = Number(((100 * parameters.trainable) / parameters.total).toPrecision(2));
  const leftOut = Object.entries(rows.leftOut).map(([why, count]) => `${whole(count)} (${why})`);
  const lines = [
    `model     ${plan.backbone}, ${whole(parameters.total)} parameters, ${whole(parameters.trainable)} (${share} %) trainable`,
    `device    ${plan.device}`,
    `rows      ${whole(rows.read)} read, ${whole(rows.trained)} to train on, ${whole(rows.heldOut)} held out`,
    ...(leftOut.length > 0 ? [`left out  ${leftOut.join(', ')}`] : []),
    `cut       ${whole(rows.cutRows)} rows, by ${whole(rows.cutTokens)} tokens; ${percent(rows.endShare)} of the rows train their end token`,
    ...table(rows.bySource, 'source'),
    ...table(rows.byLanguage, 'language'),
    ...(rows.inPass
      ? [`a pass    ${rows.inPass.map(whole).join(' + ')} rows of the sources, in their order`]
      : []),
    `steps     ${whole(plan.steps)}, of ${whole(plan.rowsPerStep)} rows`,
    ...(memory
      ? [
          `memory    ${size(memory.total)}: weights ${size(memory.weights)}, adapter ${size(memory.trained)}, gradients ${size(memory.gradients)},`,
          `          optimizer ${size(memory.optimizer)}, activations and all else ${size(memory.rest)}`,
          ...(memory.device === undefined ? [] : [`          and ${size(memory.device)} on the device`]),
        ]
      : []),
    `disk      ${size(disk.output)} in ${displayPath(plan.config.output)}${disk.cache > 0 ? `, and ${size(disk.cache)} in the token cache` : ''}`,
    ...(time ? [`time      ${duration(time.seconds)}, ${duration(time.secondsPerStep)} a step`] : []),
    `plan      ${plan.hash.slice(0, 16)}`,
  ];
  return printable(`${lines.join('\n')}\n`);
}

function table(groups: Readonly<Record<string, PlannedRows>>, what: string): string[] {
  const names = Object.keys(groups);
  if (names.length === 0) return [];
  const width = Math.max(what.length, ...names.map((name) => name.length));
  const columns = ['rows', 'tokens', 'trained on'].map((name) => name.padStart(14)).join('');
  return [
    `          ${what.padEnd(width)}${columns}`,
    ...names.map((name) => {
      const { rows, tokens, trainedTokens } = groups[name];
      const numbers = [rows, tokens, trainedTokens].map((value) => whole(value).padStart(14));
      return `          ${name.padEnd(width)}${numbers.join('')}`;
    }),
  ];
}

const whole = (value: number) => value.toLocaleString('en-US');
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

function size(bytes: number): string {
  return bytes < 1e9
    ? `${(bytes / 2 ** 20).toFixed(bytes < 1e7 ? 1 : 0)} MiB`
    : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toPrecision(2)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = minutes / 60;
  return hours < 48 ? `${hours.toFixed(1)} h` : `${(hours / 24).toFixed(1)} days`;
}
