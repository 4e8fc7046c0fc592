/**
 * The Python side: a process that takes requests as JSON lines and answers in kind, and scripts that run on their own.
 * EVOLVE_PYTHON names the interpreter, else it is python3.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from '../support/files.js';

export const PYTHON = process.env.EVOLVE_PYTHON ?? 'python3';
// As many threads as the machine has cores; no look at a hub, no chatter.
export const PYTHON_ENV = {
  ...process.env,
  OMP_NUM_THREADS: String(os.availableParallelism()),
  HF_HUB_OFFLINE: '1',
  HF_HUB_DISABLE_PROGRESS_BARS: '1',
  TRANSFORMERS_VERBOSITY: 'error',
};

export function script(name: string): string {
  return path.join(ROOT, 'test', 'bench', 'python', name);
}

/** Why this interpreter cannot be the peer; undefined where it can. */
export function missingPython(modules: readonly string[]): string | undefined {
  const { error, status, stderr } = spawnSync(PYTHON, ['-c', `import ${modules.join(', ')}`], {
    encoding: 'utf8',
  });
  if (error) return `there is no ${PYTHON}`;
  return status === 0 ? undefined : `${PYTHON}: ${stderr.trim().split('\n').at(-1)}`;
}

/** A process that says nothing for longer is ended. */
const LONGEST_SECONDS = 600;
/** How often the person is told that it still works. */
const TELL_SECONDS = 20;

/** While a process works: says now and then what it does, and ends it where nothing more is heard of it. */
export class Watch {
  readonly #timer: NodeJS.Timeout;
  #since = performance.now();
  #isEnded = false;

  constructor(
    private readonly what: string,
    child: ChildProcess,
    say: (line: string) => void,
  ) {
    this.#timer = setInterval(() => {
      const seconds = Math.round((performance.now() - this.#since) / 1000);
      this.#isEnded = seconds >= LONGEST_SECONDS;
      if (this.#isEnded) child.kill('SIGKILL');
      else say(`… ${this.what}: still at it, ${seconds} s since it told something`);
    }, TELL_SECONDS * 1000);
    this.#timer.unref();
  }

  /** The process told something. */
  heard(): void {
    this.#since = performance.now();
  }

  /** @throws Error if the process was ended */
  stop(): void {
    clearInterval(this.#timer);
    if (this.#isEnded) throw new Error(`${this.what}: nothing was heard of it for ${LONGEST_SECONDS} s`);
  }
}

/** One request at a time; between requests it waits, so that never both sides compute. */
export class Peer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(private readonly say: (line: string) => void) {
    this.#child = spawn(PYTHON, [script('peer.py')], { env: PYTHON_ENV, stdio: ['pipe', 'pipe', 'inherit'] });
    // Of a peer that is gone `ask` says so.
    this.#child.stdin!.on('error', () => {});
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** @throws Error if it takes too long; the peer is then gone */
  async ask<T>(op: string, args: object = {}): Promise<T> {
    this.#child.stdin!.write(`${JSON.stringify({ op, ...args })}\n`);
    const watch = new Watch(`PyTorch: ${op}`, this.#child, this.say);
    const { value, done } = await this.#lines.next();
    watch.stop();
    if (done) throw new Error(`the Python peer ended while it was asked for ${op}`);
    const answer = JSON.parse(value) as T & { error?: string };
    if (answer.error !== undefined) throw new Error(`the Python peer failed at ${op}:\n${answer.error}`);
    return answer;
  }

  close(): void {
    this.#child.stdin!.end();
  }
}
