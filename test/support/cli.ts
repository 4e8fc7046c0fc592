import { spawn } from 'node:child_process';
import path from 'node:path';
import { ROOT } from './files.js';

/** The built command line of a package. */
export function cliOf(root = ROOT): string {
  return path.join(root, '.build', 'core', 'cli.js');
}

export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  /** Set besides those that are. */
  readonly env?: Readonly<Record<string, string>>;
  /** The folder of the package that is run. */
  readonly root?: string;
}

/** Runs the built command line in a process of its own. */
export function evolve(
  args: readonly string[],
  { cwd, env, root = ROOT }: CliOptions = {},
): Promise<CliResult> {
  return execute(process.execPath, [cliOf(root), ...args], { cwd: cwd ?? root, env });
}

/** Runs a command to its end. */
export function execute(
  command: string,
  args: readonly string[],
  { cwd, env }: Omit<CliOptions, 'root'> = {},
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}
