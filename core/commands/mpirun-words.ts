/** What mpirun itself writes to standard error, told from what the processes write, and what it means. */

import { EvolveError } from '../base/errors.js';
import { processName } from '../base/launch.js';
import { type Introduced, introducedBy } from './launched.js';

/** Around what Open MPI has to say, and MPICH. */
const RULE = /^(-{60,}|={60,})$/;
/** MPICH's lines within its rules. */
const OF_MPICH =
  /^(=|YOUR APPLICATION TERMINATED|\[(proxy|mpiexec)|This typically refers|Please see the FAQ|Abort\(\d+\) on node)/;
/** Of Open MPI, without rules. */
const OF_OPEN_MPI = /^(\[[^\]]+:\d+\]|mpirun:) /;

/** With these lines, after an empty one, MPICH tells on standard output that a process has died. It ends all then. */
const DEATH = /\n?^={60,}\n= +BAD TERMINATION/m;
/** The end of a text which may be the beginning of them. */
const HALF_A_DEATH = /(?:^|\n)\n?=+(?:\n[= A-Z]*)?$/;

/** What V8 says where it gets no memory, before it ends the process. */
const OF_V8 =
  /^(<---|FATAL ERROR: |-+ Native stack trace|\s*\d+: 0x[0-9a-f]+ |#\s|#$)|\[\d+:0x[0-9a-f]+\] +\d+ ms: /;
const NO_MEMORY = /out of memory|Allocation failed|std::bad_alloc/i;

/** What ssh says where a host is not reached, and mpirun where there is no ssh. */
const UNREACHED =
  /^ssh: |^Host key verification|Permission denied \(|^Connection (to|timed out|closed|reset)/;
const NO_SSH = /execvp error on file ssh|plm_rsh_agent: ssh/;

/** Lines that no process of evolve writes by itself. */
const OF_OTHERS = [OF_MPICH, OF_OPEN_MPI, OF_V8, UNREACHED];

const RESUME = 'The same command with --resume goes on from the last checkpoint.';

export class MpirunWords {
  #inBlock = false;
  #held = '';
  #hasDied = false;
  readonly #words: string[] = [];
  readonly #introduced: Introduced[] = [];
  /** A process has told what is wrong. */
  isTold = false;

  /** There is no run any more, or will be none: mpirun should end. */
  get isOver(): boolean {
    return this.isTold || this.#words.some((line) => UNREACHED.test(line) || NO_SSH.test(line));
  }

  /** Whether a line is a process's own, to be shown. */
  isOwn(line: string): boolean {
    const introduced = introducedBy(line);
    if (introduced) {
      this.#introduced.push(introduced);
      return false;
    }
    if (RULE.test(line)) {
      this.#inBlock = !this.#inBlock && line.startsWith('-');
      return false;
    }
    if (line.startsWith('evolve: ')) this.isTold = true;
    else if (this.#inBlock || OF_OTHERS.some((words) => words.test(line))) {
      this.#words.push(line);
      return false;
    }
    return line.trim() !== '';
  }

  /** What of standard output comes from the processes. Its end may be held back until more is there, or `isAll`. */
  ownOutput(chunk: string, isAll = false): string {
    let text = this.#held + chunk;
    this.#held = '';
    const at = this.#hasDied ? 0 : text.search(DEATH);
    if (at >= 0) {
      this.#hasDied = true;
      this.#words.push(...text.slice(at).split('\n'));
      text = text.slice(0, at);
    } else if (!isAll) {
      this.#held = HALF_A_DEATH.exec(text)?.[0] ?? '';
      text = text.slice(0, text.length - this.#held.length);
    }
    return text;
  }

  /** Why mpirun ended with this status, where no process has told it. */
  fault(status: number): EvolveError {
    const text = this.#words.join('\n');
    const [, rank, host, how] =
      /process rank (\d+) with PID \d+ on node (\S+)\s+(exited on signal \d+(?: \([^)]*\))?|exiting improperly)/.exec(
        text.replaceAll('\n', ' '),
      ) ?? [];
    if (rank !== undefined) return died(Number(rank), host, how, NO_MEMORY.test(text));
    const [, pid, place] = /PID (\d+) RUNNING AT (\S+)/.exec(text) ?? [];
    const ofMpich = this.#introduced.filter((each) => each.pid === Number(pid));
    const dead = ofMpich.find((each) => each.host === place) ?? ofMpich[0];
    // So it calls the signal.
    const [, signal] = /EXIT CODE: (\d+)/.exec(text) ?? [];
    if (dead !== undefined)
      return died(dead.rank, dead.host, `exited on signal ${signal}`, NO_MEMORY.test(text));
    const [, exited, exitCode] = /Process name: \[\[\d+,\d+\],(\d+)\]\s+Exit code:\s+(\d+)/.exec(text) ?? [];
    if (exited !== undefined)
      return new EvolveError('WORLD_FAILED', `process ${exited} ended with status ${exitCode}`, RESUME);
    const isMissing = this.#words.some((line) => NO_SSH.test(line));
    const unreached = isMissing
      ? 'there is no ssh'
      : this.#words.filter((line) => UNREACHED.test(line)).at(-1);
    if (unreached !== undefined) {
      const message = `a host of --hostfile is not reached: ${unreached.trim()}`;
      const advice = isMissing
        ? 'mpirun reaches the hosts with it: on Debian and Ubuntu apt-get install openssh-client brings it.'
        : 'Try ssh HOST true: mpirun reaches the hosts with ssh, without a password.';
      return new EvolveError('WORLD_FAILED', message, advice);
    }
    const said = this.#words.map((line) => line.trim()).filter(Boolean);
    const message = `mpirun ended with status ${status}${said.length > 0 ? `:\n  ${said.slice(0, 12).join('\n  ')}` : ''}`;
    return new EvolveError('WORLD_FAILED', message, '');
  }
}

function died(rank: number, host: string, how: string, lacksMemory: boolean): EvolveError {
  const name = processName(rank, host);
  if (lacksMemory) return new EvolveError('OUT_OF_MEMORY', `${name} ran out of memory, and ${how}`, RESUME);
  const why = /signal 9/.test(how) ? ' It was killed; where memory ran out, the system does that.' : '';
  return new EvolveError('WORLD_FAILED', `${name} ${how}`, `${RESUME}${why}`);
}
