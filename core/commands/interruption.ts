/** What ends a command early: Ctrl-C, a closed terminal, a reader of standard output that went away. */

import { strayErrorOf } from '../base/breath.js';
import { EvolveError, messageOf } from '../base/errors.js';
import { launchOf, processName } from '../base/launch.js';
import { onLauncherEnd } from './launched.js';
import { isUnderNohup } from './nohup.js';

/** The codes of errors that say that nobody reads any more: a pipe without a reader, a terminal that was closed. */
const GONE: ReadonlySet<string | undefined> = new Set(['EPIPE', 'EIO']);

/**
 * A signal that aborts when the command should end. Its reason is the error to end with. A second Ctrl-C ends the process at
 * once.
 */
export function catchInterruption(): AbortController {
  const interruption = new AbortController();
  const outlives = isUnderNohup();
  const interrupt = (why = '') => interruption.abort(new EvolveError('INTERRUPTED', 'interrupted', why));
  onLauncherEnd(interrupt);
  process.once('SIGINT', () => interrupt());
  process.once('SIGTERM', () => interrupt());
  // A closed terminal sends it more than once: the shell does, and the system.
  process.on('SIGHUP', () => {
    if (!outlives) interrupt('The terminal was closed.');
  });
  let isTold = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    const said = `Standard output cannot be written: ${error.message}.`;
    // A full disk ends nothing, and under nohup a run outlives its terminal.
    if (GONE.has(error.code) && !outlives) return interrupt(said);
    if (!isTold) process.stderr.write(`evolve: ${said}\n`);
    isTold = true;
  });
  // What cannot be said there is not said.
  process.stderr.on('error', () => {});
  return interruption;
}

/**
 * Has errors that nobody caught end the run as any failure does, with everything saved. They may come from what a plugin
 * began and did not wait for.
 *
 * @returns a function that ends this, and throws the error that came when nothing was left to be interrupted
 */
export function catchStrayErrors(interruption: AbortController, hasPlugins: boolean): () => void {
  const end = (cause: unknown) => {
    const message = `an error outside of all hooks: ${messageOf(cause)}`;
    const advice =
      'A plugin began something and did not wait for it. Run again with EVOLVE_DEBUG=1 for the stack trace.';
    interruption.abort(hasPlugins ? new EvolveError('PLUGIN_FAILED', message, advice, { cause }) : cause);
  };
  // A listener would not do: TensorFlow.js' WebAssembly has one that throws the error again.
  process.setUncaughtExceptionCaptureCallback(end);
  process.on('unhandledRejection', end);
  return () => {
    process.setUncaughtExceptionCaptureCallback(null);
    process.off('unhandledRejection', end);
    const stray = strayErrorOf(interruption.signal);
    if (stray !== undefined) throw stray;
  };
}

/**
 * Tells of a process that ends in the midst of a run, by process.exit() in a plugin: nothing that should come after it is done.
 *
 * @returns a function that ends this
 */
export function catchExit(): () => void {
  const tell = () => {
    process.exitCode = 1;
    process.stderr.write(
      `evolve: something ended ${thisProcess()} with process.exit(), before the run had ended\n` +
        'What was saved last is kept. A plugin ends a run with trainer.stop(reason).\n',
    );
  };
  process.once('exit', tell);
  return () => process.off('exit', tell);
}

function thisProcess(): string {
  const { rank, size } = launchOf();
  return size === 1 ? 'the process' : processName(rank);
}
