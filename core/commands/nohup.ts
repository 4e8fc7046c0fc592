/** Whether a run is to outlive its terminal. */

import { readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * nohup has what it starts ignore SIGHUP. Node.js forgets that while it starts: what it was told is read from what it left
 * elsewhere.
 */
export function isUnderNohup(): boolean {
  // The shell says which command it started. A closed terminal is replaced by an input that can only be written.
  return path.basename(process.env._ ?? '') === 'nohup' || isInputWriteOnly() || isIgnoredAbove();
}

function isInputWriteOnly(): boolean {
  const [, flags] = readSystemFile('self/fdinfo/0').match(/^flags:\s*(\d+)$/m) ?? [];
  const accessMode = Number.parseInt(flags, 8) & 3;
  return accessMode === 1;
}

/** Whether a process above this one ignores SIGHUP: of those within the session, up to the shell of the terminal. */
function isIgnoredAbove(): boolean {
  let status = readSystemFile('self/status');
  const session = fieldOf(status, 'NSsid');
  while (status !== '') {
    const parent = fieldOf(status, 'PPid');
    if (parent === session) return false;
    status = readSystemFile(`${parent}/status`);
    if (fieldOf(status, 'NSsid') !== session) return false;
    // SIGHUP is signal 1, the last bit of a number in hexadecimal digits.
    if (Number.parseInt(fieldOf(status, 'SigIgn').slice(-1), 16) & 1) return true;
  }
  return false;
}

function fieldOf(status: string, name: string): string {
  return status.match(new RegExp(`^${name}:\\s*(\\S+)`, 'm'))?.[1] ?? '';
}

/** Of Linux's /proc; empty elsewhere. */
function readSystemFile(name: string): string {
  try {
    return readFileSync(`/proc/${name}`, 'utf8');
  } catch {
    return '';
  }
}
