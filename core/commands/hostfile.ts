/** The file of `--hostfile`: a host a line, and how many processes it takes. */

import { readFileSync } from 'node:fs';
import { EvolveError } from '../base/errors.js';
import { displayPath } from '../base/paths.js';

const FORM = 'It has a host a line: node1 slots=4, or node1:4.';

/**
 * The hosts of a file in the form of Open MPI (`node1 slots=4`) or of MPICH (`node1:4`), in words that mpirun of both takes:
 * `node1:4,node2:4`.
 *
 * @throws EvolveError COMMAND_LINE if the file is not there, or a line is of another form
 */
export function hostsOf(file: string): string {
  const fail = (what: string) => new EvolveError('COMMAND_LINE', `--hostfile ${what}`, FORM);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw fail(`${displayPath(file)}: ${code === 'ENOENT' ? 'there is no such file' : message}`);
  }
  const hosts = text.split(/\r?\n/).flatMap((line, i) => {
    const words = line.replace(/#.*/, '').trim();
    if (words === '') return [];
    const [, host, count = '1'] = /^([^\s:=]+)(?:(?::|\s+slots\s*=\s*)([1-9]\d*))?$/.exec(words) ?? [];
    if (host === undefined) throw fail(`${displayPath(file)}:${i + 1}: it is no host and number: ${words}`);
    return [`${host}:${count}`];
  });
  if (hosts.length === 0) throw fail(`${displayPath(file)}: it names no host`);
  return hosts.join(',');
}
