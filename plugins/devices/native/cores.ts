/** How many cores the process may use, on a machine or in a container that was given a part of one. */

import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** The cores that the system lets this process run on; fewer where its control groups give it less time than that. */
export function usableCores(): number {
  return Math.max(1, Math.min(os.availableParallelism(), Math.ceil(coresOfQuota('/'))));
}

/**
 * The cores for this process, where MPI started several on its host. MPI may have bound it to its own cores, or let all have all;
 * what started it, which is not bound, shows how many cores there are to share.
 *
 * @param processes of this run on the host
 */
export function coresOfProcess(processes: number): number {
  const own = usableCores();
  if (processes === 1) return own;
  const all = Math.min(coresOf(process.ppid) ?? os.cpus().length, Math.ceil(coresOfQuota('/')));
  return Math.max(1, Math.min(own, Math.floor(all / processes)));
}

/** The cores that another process may run on, on Linux. */
function coresOf(pid: number): number | undefined {
  const [, list] = /^Cpus_allowed_list:\s*(\S+)/m.exec(read(`/proc/${pid}/status`) ?? '') ?? [];
  return list?.split(',').reduce((sum, part) => {
    const [first, last = first] = part.split('-').map(Number);
    return sum + last - first + 1;
  }, 0);
}

/** The cores' time that the control groups of this process leave it; infinite where they set no limit. */
export function coresOfQuota(root: string): number {
  const groups =
    read(path.join(root, 'proc', 'self', 'cgroup'))
      ?.trim()
      .split('\n') ?? [];
  const quotas = groups.flatMap((line) => {
    const [, controllers, group] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (group === undefined) return [];
    const mount = path.join(root, 'sys', 'fs', 'cgroup');
    if (controllers === '') return along(mount, group, quotaOfVersion2);
    return controllers.split(',').includes('cpu')
      ? [controllers, 'cpu'].flatMap((name) => along(path.join(mount, name), group, quotaOfVersion1))
      : [];
  });
  return Math.min(...quotas);
}

/** The quotas of a group and of those that it lies in. In a container the outer ones are not to be seen. */
function along(mount: string, group: string, quotaOf: (folder: string) => number): number[] {
  const names = path.posix.normalize(group).split('/').filter(Boolean);
  return [...names, ''].map((_, depth) => quotaOf(path.join(mount, ...names.slice(0, depth))));
}

/** "150000 100000": so many microseconds of every so many; "max 100000" sets no limit. */
function quotaOfVersion2(folder: string): number {
  const [time, period] = read(path.join(folder, 'cpu.max'))?.trim().split(' ').map(Number) ?? [];
  return time > 0 && period > 0 ? time / period : Number.POSITIVE_INFINITY;
}

/** The time is −1 where there is no limit. */
function quotaOfVersion1(folder: string): number {
  const [time, period] = ['quota', 'period'].map((name) =>
    Number(read(path.join(folder, `cpu.cfs_${name}_us`))),
  );
  return time > 0 && period > 0 ? time / period : Number.POSITIVE_INFINITY;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
