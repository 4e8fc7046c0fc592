/** The arguments of `evolve data`. What its commands do is loaded when one is given. */

import { type Command, InvalidArgumentError, Option } from 'commander';

/** Adds `evolve data` to the command line. */
export function addDataCommands(program: Command): void {
  const data = program
    .command('data')
    .description('see what data there is, and what a file holds, before it is trained on')
    .addHelpText(
      'after',
      '\nExamples:\n  evolve data inspect rows.jsonl\n  evolve data check rows.csv --format instruct',
    );

  data
    .command('list')
    .description('list the data names that a configuration can use')
    .option('--json', 'write JSON lines to standard output')
    .action(async (options) => (await import('./data.js')).dataListCommand(options));

  withSource(data.command('show'))
    .description('tell what a data name is, or what a file holds')
    .action(async (what, options) => (await import('./data.js')).dataShowCommand(what, options));

  withSource(data.command('inspect'))
    .description('tell what a file is taken for, and show its first rows with what is trained on')
    .option('--rows <n>', 'how many rows (default: 3)', rows, 3)
    .option('--template <name>', 'how the rows read, as data.template of a run (default: alpaca)', 'alpaca')
    .option('--model <path>', 'shows the rows in the tokens of this model; only its tokenizer is read')
    .action(async (what, options) => (await import('./data.js')).dataInspectCommand(what, options));

  withSource(data.command('check'))
    .description('read all records, and tell every fault with its place')
    .action(async (what, options) => (await import('./data.js')).dataCheckCommand(what, options));
}

function withSource(command: Command): Command {
  return command
    .argument('<file>', 'a file, folder or wild-card, - for standard input, or a data name')
    .option('--format <name>', 'what its records are (default: what they look like)')
    .option('--encoding <name>', 'of its text (default: UTF-8)')
    .option('--split <name>', 'which of several lists of records in it')
    .option('--columns <mapping>', 'what it calls the columns, such as "{ instruction: title }"')
    .option('--roles <mapping>', 'who speaks in conversations, such as "{ Frage: user }"')
    .addOption(new Option('--take <what>', 'of pairs of answers').choices(['chosen']))
    .option(
      '--plugin <name>',
      "a third party's plugin; may be repeated",
      (value, all: string[]) => [...all, value],
      [],
    )
    .option('--json', 'write JSON lines to standard output');
}

function rows(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number from 1.');
}
