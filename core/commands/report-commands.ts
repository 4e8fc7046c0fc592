/** The arguments of `evolve runs` and `evolve report`. What they do is loaded when one is given. */

import type { Command } from 'commander';

/** Adds both to the command line. */
export function addReportCommands(program: Command): void {
  program
    .command('runs')
    .description('list the runs below a folder, with their state and result')
    .argument('[dir]', 'the folder (default: runs)')
    .option('--json', 'write JSON lines to standard output')
    .action(async (dir, options) => (await import('./runs.js')).runsCommand(dir, options));

  program
    .command('report')
    .description('write a page with the curves, samples and settings of runs, for a browser')
    .argument('<dirs...>', 'the folders of runs; several are compared')
    .option('--output <file>', 'the page (default: report.html in the folder of the run; of several, here)')
    .option('--json', 'write JSON lines to standard output')
    .addHelpText(
      'after',
      '\nExamples:\n  evolve report runs/mine\n  evolve report runs/mine runs/other --output compared.html',
    )
    .action(async (dirs, options) => (await import('./report.js')).reportCommand(dirs, options));
}
