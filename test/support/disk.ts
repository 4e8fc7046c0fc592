/** A disk of a size that a test chooses: a file system in memory, in a namespace of its own, gone with its command. */

import { type CliResult, execute } from './cli.js';

/** The status where this machine lets nobody mount one. */
export const NO_DISK = 77;

export interface Disk {
  /** The folder at which it is mounted; made where it is not there. */
  readonly mount: string;
  /** As mount takes it: `2m`. */
  readonly size: string;
  /** What runs in the shell that sees the disk; `"$@"` is the command. */
  readonly script: string;
}

/** Runs a command that sees the disk. */
export async function executeOnDisk(
  { mount, size, script }: Disk,
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<CliResult> {
  const mounting = `mkdir -p ${mount} && mount -t tmpfs -o size=${size} tmpfs ${mount} || exit ${NO_DISK}`;
  const shell = ['sh', '-c', `${mounting}\n${script}`, 'sh'];
  const namespace = ['--user', '--map-root-user', '--mount'];
  try {
    const result = await execute('unshare', [...namespace, ...shell, ...command], { env });
    return result.stderr.startsWith('unshare:') ? { ...result, status: NO_DISK } : result;
  } catch (error) {
    // There is no unshare.
    return { status: NO_DISK, stdout: '', stderr: (error as Error).message };
  }
}
