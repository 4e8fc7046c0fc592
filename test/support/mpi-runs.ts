/** Small runs over MPI, for tests: `const runs = new MpiRuns(mpi)`, `await runs.run('output', '--processes', '2')`, `runs.remove()`. */

import { readdirSync } from 'node:fs';
import { stringify } from 'yaml';
import { type CliResult, cliOf, evolve, execute } from './cli.js';
import { fixture, TemporaryFolder } from './files.js';
import { type Mpi, mpirunArguments } from './mpi.js';
import { begin, type Running } from './processes.js';
import { EIGHT_ROWS, readMetrics, readSteps } from './runs.js';

/** Options of a run that goes on until something ends it. */
export const ENDLESS = ['--set', 'train.maxSteps=1000000', '--set', 'train.evalEvery=1000000'];

export class MpiRuns {
  readonly folder = new TemporaryFolder();
  readonly #config: string;

  constructor(readonly mpi: Mpi) {
    this.folder.write('rows.json', EIGHT_ROWS);
    this.#config = this.write('run.yaml', {});
  }

  /** A configuration whose steps have four micro-batches; the last of an epoch has two. */
  write(name: string, further: object): string {
    const values = {
      model: { path: fixture('llama') },
      adapter: { r: 4, dropout: 0.1 },
      data: { sources: [{ path: this.folder.join('rows.json'), format: 'alpaca' }], validationSize: 2 },
      train: {
        perDeviceBatchSize: 1,
        gradientAccumulationSteps: 4,
        maxSteps: 6,
        saveEvery: 3,
        evalEvery: 3,
        warmupSteps: 0,
        learningRate: 0.01,
        scheduler: 'constant',
      },
      device: { name: 'portable' },
      ...further,
    };
    return this.folder.write(name, stringify(values));
  }

  /** The arguments of evolve for a run of the configuration that `write` writes, into a folder of this name. */
  argumentsOf(output: string, ...args: readonly string[]): string[] {
    return ['run', this.#config, '--output', this.folder.join(output), ...args];
  }

  run(output: string, ...args: readonly string[]): Promise<CliResult> {
    return evolve(this.argumentsOf(output, ...args), { env: this.mpi.env });
  }

  begin(output: string, ...args: readonly string[]): Running {
    return begin(this.argumentsOf(output, ...args), { env: this.mpi.env });
  }

  /** By mpirun itself: a process for each list of arguments of evolve. */
  runEach(...each: readonly (readonly string[])[]): Promise<CliResult> {
    return this.startEach(...each.map((args) => [process.execPath, cliOf(), ...args]));
  }

  /** By mpirun itself: a process for each command. */
  startEach(...commands: readonly (readonly string[])[]): Promise<CliResult> {
    const own = mpirunArguments(this.mpi, 1);
    const all = commands.flatMap((command, i) => [...(i === 0 ? own : [':', '-n', '1']), ...command]);
    return execute(this.mpi.mpirun, all, { env: this.mpi.env });
  }

  losses(output: string): number[] {
    return readSteps(this.folder.join(output)).map(({ loss }) => loss);
  }

  heldOutLosses(output: string): number[] {
    return readMetrics(this.folder.join(output)).flatMap(({ evalLoss }) => evalLoss ?? []);
  }

  /** The step of the newest checkpoint. */
  newestStep(output: string): number {
    const names = readdirSync(this.folder.join(output, 'checkpoints'));
    return Math.max(...names.map((name) => Number(/^step-(\d+)$/.exec(name)?.[1] ?? 0)));
  }

  remove(): void {
    this.folder.remove();
  }
}

/** The errors that a person reads. */
export function errorsOf({ stderr }: CliResult): string[] {
  return stderr.match(/^evolve: (?!\d+ processes share).*$/gm) ?? [];
}
