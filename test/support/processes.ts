import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { type CliOptions, type CliResult, cliOf } from './cli.js';
import { ROOT } from './files.js';

/** A command that goes on while the test does something to it. */
export class Running {
  stdout = '';
  stderr = '';
  readonly #ended: Promise<number | null>;

  constructor(readonly child: ChildProcessWithoutNullStreams) {
    child.stdout.on('data', (chunk) => {
      this.stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      this.stderr += chunk;
    });
    this.#ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
  }

  /** Waits until standard output has this text. */
  async until(text: string): Promise<void> {
    const isThere = () => this.stdout.includes(text);
    while (!isThere()) {
      if (this.child.exitCode !== null) throw new Error(`it ended: ${this.stdout}${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async end(): Promise<CliResult> {
    const status = await this.#ended;
    return { status, stdout: this.stdout, stderr: this.stderr };
  }
}

/** Starts the built command line; `through` is a command that starts it, such as nohup. */
export function begin(
  args: readonly string[],
  { cwd = ROOT, env, through = [] }: CliOptions & { through?: readonly string[] } = {},
): Running {
  const [command, ...all] = [...through, process.execPath, cliOf(), ...args];
  return new Running(spawn(command, all, { cwd, env: { ...process.env, ...env } }));
}
