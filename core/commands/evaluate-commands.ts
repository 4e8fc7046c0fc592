/** The arguments of `evolve evaluate` and `evolve verify`. What they do is loaded when one is given. */

import { type Command, InvalidArgumentError } from 'commander';

const repeated = (value: string, all: readonly string[] = []) => [...all, value];

/** Adds both to the command line. */
export function addEvaluateCommands(program: Command): void {
  program
    .command('evaluate')
    .description('measure a model on data: loss, perplexity, and the metrics that are named')
    .option('--run <dir>', 'the folder of a run: its model with its adapter')
    .option('--model <path>', 'a base model')
    .option('--adapter <dir>', 'an adapter for --model')
    .option(
      '--template <name>',
      'with --model: how prompts read, as data.template of a run (default: alpaca)',
    )
    .option(
      '--plugin <name>',
      "with --model: a third party's plugin, as in plugins of a run; may be repeated",
      repeated,
    )
    .option(
      '--data <what>',
      'a file, folder, data name or hub:owner/name; may be repeated (default: what the run holds out)',
      repeated,
    )
    .option('--format <name>', 'what its records are (default: what they look like)')
    .option('--split <name>', 'which of several lists of records in it')
    .option('--columns <mapping>', 'what it calls the columns, such as "{ instruction: title }"')
    .option('--limit <n>', 'at most so many records of each', whole)
    .option(
      '--metric <name>',
      'as an item of metrics in a configuration; may be repeated (default: those of the run, and perplexity)',
      repeated,
    )
    .option(
      '--few-shot <numbers>',
      'so many solved questions before each, such as 0,1,4 (default: 0)',
      numbers,
    )
    .option('--cutoff-length <n>', "cut longer rows (default: the run's, or 512)", whole)
    .option('--device <name>', "what computes (default: the run's, or auto)")
    .option('--json', 'write JSON lines to standard output')
    .addHelpText(
      'after',
      '\nExamples:\n  evolve evaluate --run runs/mine --metric exact-match\n  evolve evaluate --model PATH --data rows.jsonl --metric "{ name: exact-match, limit: 200 }" --few-shot 0,4',
    )
    .action(async (options) => (await import('./evaluate.js')).evaluateCommand(options));

  program
    .command('verify')
    .description('repeat the proof that a run trained its model and saved what it trained')
    .argument('<dir>', 'the folder of the run')
    .option('--replay <n>', 'do so many of its steps once more, and compare them with metrics.jsonl', whole)
    .option(
      '--from <step>',
      'with --replay: from the checkpoint of this step (default: the beginning)',
      whole,
    )
    .option('--device <name>', "what computes (default: the run's)")
    .option('--json', 'write JSON lines to standard output')
    .addHelpText('after', '\nExamples:\n  evolve verify runs/mine\n  evolve verify runs/mine --replay 3')
    .action(async (dir, options) => (await import('./verify.js')).verifyCommand(dir, options));
}

function whole(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number from 1.');
}

function numbers(text: string): number[] {
  if (/^\d{1,3}(,\d{1,3})*$/.test(text)) return [...new Set(text.split(',').map(Number))];
  throw new InvalidArgumentError('Expected whole numbers from 0, such as 0,1,4.');
}
