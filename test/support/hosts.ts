/**
 * Several hosts on this machine: namespaces of Linux, each with a name and a network interface of its own, joined by a switch that
 * delays each frame and loses some. They are there as long as this process is.
 *
 *     const hosts = await Hosts.open(this, 3, { delayMs: 20, lossPercent: 1 });
 *     hosts.through(0)    // words before a command that is to run on host0
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { ROOT, TemporaryFolder } from './files.js';
import { skip } from './skip.js';

/** What a host has of its own. */
const NAMESPACES = ['--net', '--uts', '--mount', '--ipc'];

/** Keeps namespaces until its standard input ends; then all that runs in them is killed. */
const HOLD = `echo ready; read _
for each in /proc/[0-9]*; do
  [ "$(readlink $each/ns/net)" = "$(readlink /proc/$$/ns/net)" ] && [ $each != /proc/$$ ] && kill -9 \${each#/proc/}
done 2>/dev/null`;

export class Hosts {
  readonly #folder = new TemporaryFolder();
  readonly #held: ChildProcess[] = [];
  #switch = 0;
  #pids: number[] = [];

  private constructor() {}

  /** Skips the test where there can be none. */
  static async open(
    test: Mocha.Context,
    count: number,
    { delayMs, lossPercent }: { delayMs: number; lossPercent: number },
  ): Promise<Hosts> {
    if (process.platform !== 'linux') skip(test, 'namespaces are Linux');
    if (process.getuid?.() !== 0) skip(test, 'namespaces of networks take root');
    for (const program of ['ip', 'unshare', 'nsenter', 'cc'])
      if (spawnSync('which', [program]).status !== 0) skip(test, `there is no ${program}`);
    if (spawnSync('unshare', [...NAMESPACES, 'true']).status !== 0)
      skip(test, 'this kernel, or who runs it, allows no namespaces');
    const hosts = new Hosts();
    try {
      await hosts.#make(count, delayMs, lossPercent);
    } catch (error) {
      hosts.close();
      throw error;
    }
    return hosts;
  }

  async #make(count: number, delayMs: number, lossPercent: number): Promise<void> {
    this.#switch = await this.#hold('unshare', '--net', 'sh', '-c', HOLD);
    const names = Array.from({ length: count }, (_, i) => `10.77.0.${i + 1} host${i}\n`);
    const table = this.#folder.write('hosts', ['127.0.0.1 localhost\n', ...names].join(''));
    for (let i = 0; i < count; i++) {
      const script = [
        `hostname host${i}`,
        `mount --bind ${table} /etc/hosts`,
        // Otherwise messages would go through memory that the hosts share.
        'mount -t tmpfs none /dev/shm',
        'ip link set lo up',
        HOLD,
      ];
      const pid = await this.#hold('unshare', ...NAMESPACES, 'sh', '-c', script.join(' && '));
      this.#pids.push(pid);
      const link = ['link', 'add', `port${i}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid)];
      run('nsenter', '-t', String(this.#switch), '--net', 'ip', ...link);
      this.#setLink(i, 'up');
      run(...this.through(i), 'ip', 'address', 'add', `10.77.0.${i + 1}/24`, 'dev', 'eth0');
      run(...this.through(i), 'ip', 'link', 'set', 'eth0', 'up');
    }
    const program = this.#folder.join('switch');
    run('cc', '-O2', '-o', program, path.join(ROOT, 'test', 'support', 'lossy-switch.c'));
    const ports = this.#pids.map((_, i) => `port${i}`);
    const inside = ['nsenter', '-t', String(this.#switch), '--net', program];
    await this.#hold(...inside, String(delayMs), String(lossPercent), ...ports);
    const cases = this.#pids.map((pid, i) => `host${i}) pid=${pid};;`).join(' ');
    // What ssh does: nothing of the environment comes along, and a shell takes the words.
    const script = [
      '#!/bin/sh',
      'while expr "$1" : - >/dev/null; do shift; done',
      `case "$1" in ${cases} *) echo "no host $1" >&2; exit 255;; esac; shift`,
      `exec env -i PATH="$PATH" HOME="$HOME" nsenter -t $pid ${NAMESPACES.join(' ')} sh -c "$*"`,
    ];
    run('chmod', '+x', this.#folder.write('agent', `${script.join('\n')}\n`));
  }

  /** A program that MPI calls instead of ssh: `agent HOST COMMAND...`. */
  get agent(): string {
    return this.#folder.join('agent');
  }

  /** Words before a command that is to run on a host. */
  through(host: number): string[] {
    return ['nsenter', '-t', String(this.#pids[host]), ...NAMESPACES];
  }

  /** Nothing reaches the host any more, and nothing comes from it. */
  cut(host: number): void {
    this.#setLink(host, 'down');
  }

  /** The host is there again, and the others no longer remember that it was not. */
  connect(host: number): void {
    this.#setLink(host, 'up');
    for (const i of this.#pids.keys()) run(...this.through(i), 'ip', 'neighbour', 'flush', 'dev', 'eth0');
  }

  #setLink(host: number, state: 'up' | 'down'): void {
    run('nsenter', '-t', String(this.#switch), '--net', 'ip', 'link', 'set', `port${host}`, state);
  }

  close(): void {
    for (const child of this.#held) child.stdin?.end();
    this.#folder.remove();
  }

  /** Starts what goes on until this process ends, and waits until it says that it is ready. */
  async #hold(...[command = '', ...args]: readonly string[]): Promise<number> {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#held.push(child);
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'close').then(() => {
        throw new Error(`${command} ${args.join(' ')} ended`);
      }),
    ]);
    return child.pid as number;
  }
}

function run(...[command = '', ...args]: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
}
