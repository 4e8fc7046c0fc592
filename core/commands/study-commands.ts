/** The arguments of `evolve study`. What it does is loaded when it is given. */

import type { Command } from 'commander';

/** Adds it to the command line. */
export function addStudyCommand(program: Command): void {
  program
    .command('study')
    .description('train and compare variants of a run: data left out, sizes, settings, seeds')
    .argument('<file>', 'a YAML file that describes the study, such as those in configs/studies')
    .option('--output <dir>', "the study's folder (default: runs/studies/ and the name of the file)")
    .option('--device <name>', "what computes (default: the configuration's, or auto)")
    .option('--dry-run', 'check everything and list the runs; train nothing')
    .option('--json', 'write JSON lines to standard output')
    .addHelpText(
      'after',
      '\nExamples:\n  evolve study configs/studies/ablation.yaml\nThe same command goes on with a study that was interrupted.',
    )
    .action(async (file, options) => (await import('./study.js')).studyCommand(file, options));
}
