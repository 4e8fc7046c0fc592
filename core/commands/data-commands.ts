/** The arguments of `evolve data`. What its commands do is loaded when one is given. */

import { type Command, InvalidArgumentError, Option } from 'commander';

/** Adds `evolve data` to the command line. */
export function addDataCommands(program: Command): void {
  const data = program
    .command('data')
    .description('see what data there is and what a file holds, and write it in other forms')
    .addHelpText(
      'after',
      '\nExamples:\n  evolve data inspect rows.jsonl\n  evolve data check rows.csv --format instruct\n  evolve data convert rows.csv --output rows.jsonl',
    );

  data
    .command('list')
    .description('list the data names that a configuration can use')
    .option('--json', 'write JSON lines to standard output')
    .action(async (options) => (await import('./data/list.js')).dataListCommand(options));

  withSource(data.command('show'), WHAT)
    .description('tell what a data name is, or what a file holds')
    .action(async (what, options) => (await import('./data/show.js')).dataShowCommand(what, options));

  withSource(data.command('inspect'), WHAT)
    .description('tell what a file is taken for, and show its first rows with what is trained on')
    .option('--rows <n>', 'how many rows (default: 3)', whole, 3)
    .option('--template <name>', 'how the rows read, as data.template of a run (default: alpaca)', 'alpaca')
    .option('--model <path>', 'shows the rows in the tokens of this model; only its tokenizer is read')
    .action(async (what, options) => (await import('./data/inspect.js')).dataInspectCommand(what, options));

  data
    .command('cache')
    .description('list the encoded corpora that are kept for later runs')
    .option('--clear', 'remove them all')
    .option('--json', 'write JSON lines to standard output')
    .action(async (options) => (await import('./data/cache.js')).dataCacheCommand(options));

  withSource(data.command('check'), WHAT)
    .description('read all records, and tell every fault with its place')
    .action(async (what, options) => (await import('./data/check.js')).dataCheckCommand(what, options));

  withSource(data.command('stats'), WHATS)
    .description('count lengths, languages, and what comes twice')
    .option('--model <path>', 'count tokens, with the tokenizer of this model (default: characters)')
    .option('--template <name>', 'with --model: how rows read, as data.template of a run (default: alpaca)')
    .option('--held-out <file>', 'count rows that are in this data too')
    .option('--html <file>', 'write the report as a page')
    .action(async (whats, options) => (await import('./data/stats.js')).dataStatsCommand(whats, options));

  writing(withSource(data.command('convert'), WHAT))
    .description('write data of any format as messages or instructions')
    .action(async (what, options) => (await import('./data/convert.js')).dataConvertCommand(what, options));

  writing(withSource(data.command('merge'), WHATS))
    .description('write several sources to one file')
    .action(async (whats, options) => (await import('./data/merge.js')).dataMergeCommand(whats, options));

  data
    .command('format-cot')
    .argument('<file...>', 'Chain-of-Thought sets: question, answer and rationale in TSV')
    .description('phrase Chain-of-Thought sets as instructions, in the shape of Alpaca-CoT')
    .addOption(output())
    .addOption(skipBad())
    .option('--limit <n>', 'at most so many records of each', whole)
    .option('--json', 'write JSON lines to standard output')
    .action(async (files, options) =>
      (await import('./data/format-cot.js')).dataFormatCotCommand(files, { ...options, plugin: [] }),
    );
}

const WHAT = '<file>';
const WHATS = '<file...>';

function withSource(command: Command, argument: string): Command {
  return command
    .argument(argument, 'a file, folder or wild-card, - for standard input, a data name, or hub:owner/name')
    .option('--format <name>', 'what its records are (default: what they look like)')
    .option('--encoding <name>', 'of its text (default: UTF-8)')
    .option('--split <name>', 'which of several lists of records in it')
    .option('--columns <mapping>', 'what it calls the columns, such as "{ instruction: title }"')
    .option('--roles <mapping>', 'who speaks in conversations, such as "{ Frage: user }"')
    .addOption(new Option('--take <what>', 'of pairs of answers').choices(['chosen']))
    .addOption(
      new Option('--edition <which>', 'of a data name (default: sample)').choices(['sample', 'full']),
    )
    .option('--limit <n>', 'at most so many records', whole)
    .option(
      '--plugin <name>',
      "a third party's plugin; may be repeated",
      (value, all: string[]) => [...all, value],
      [],
    )
    .option('--json', 'write JSON lines to standard output');
}

function writing(command: Command): Command {
  return command
    .addOption(output())
    .addOption(
      new Option('--as <shape>', 'what the records are (default: messages)')
        .choices(['messages', 'instructions'])
        .default('messages'),
    )
    .addOption(skipBad());
}

function output(): Option {
  return new Option(
    '--output <file>',
    'the file to write, in .jsonl, .json or .parquet; - is standard output',
  ).makeOptionMandatory();
}

function skipBad(): Option {
  return new Option('--skip-bad', 'leave out faulty records, and tell them');
}

function whole(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number from 1.');
}
