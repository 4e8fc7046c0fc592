#!/usr/bin/env node
/** The command line: arguments -> command -> exit status (0 done, 1 the run failed, 2 faulty input, 130 interrupted). */

import module from 'node:module';
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { EvolveError, messageOf } from './base/errors.js';
import { printable } from './base/printable.js';
import { packageVersion } from './base/version.js';
import { addDataCommands } from './commands/data-commands.js';
import { addDeviceCommands } from './commands/device-commands.js';
import { addEvaluateCommands } from './commands/evaluate-commands.js';
import { endOthers, meetLauncher, ownError } from './commands/launched.js';
import { addReportCommands } from './commands/report-commands.js';
import { addStudyCommand } from './commands/study-commands.js';

const TYPES = ['f32', 'bf16', 'f16', 'q8_0'];
/** Each is a text of its own, with its keys and values. */
const MOST_BEAMS = 256;
const DEVICES = ['auto', 'cuda', 'tensorflow', 'native', 'portable'];
const SHELLS = ['bash', 'zsh', 'fish'] as const;
const KEEP_TEMPLATE = "the base model's chat template, not that of the run's data.template";

// From Node.js 22.1 on: what was compiled is kept beside the system's temporary files, and a start compiles nothing again.
(module as { enableCompileCache?: () => void }).enableCompileCache?.();

// A command's module, with all of TensorFlow.js behind it, is loaded when the command is given.
const program = new Command('evolve')
  .description('Fine-tunes large language models on instruction data.')
  .version(packageVersion())
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'evolve: ')) })
  .showHelpAfterError(wrongCommand(process.argv.slice(2)));

program
  .command('run')
  .description('train an adapter as the configuration says')
  .argument('[config]', 'a YAML file that describes the run, such as those in configs/')
  .option('--set <key=value>', 'override a value of the configuration; may be repeated', collect, [])
  .option('--output <dir>', 'where the run goes (default: runs/ and the name of the configuration)')
  .option('--device <name>', `what computes: ${DEVICES.join(', ')} (default: the configuration's, or auto)`)
  .option('--resume [dir]', 'go on from the newest checkpoint of the run, or of the run in a folder')
  .option('--processes <n>', 'train in so many processes together, which mpirun starts', integer(1))
  .option('--hostfile <file>', 'with --processes: the hosts that they are on, one a line (node1 slots=4)')
  .option('--dry-run', 'tell the plan and train nothing: rows, steps, memory, disk, time')
  .option('--json', 'write JSON lines to standard output')
  .addHelpText(
    'after',
    examples(
      'run mine.yaml',
      'run mine.yaml --set train.epochs=2 --set adapter.r=16 --output runs/mine',
      'run --resume runs/mine',
      'run mine.yaml --processes 4',
    ),
  )
  .showHelpAfterError(
    '(a value of the configuration is set as in --set train.epochs=2, without spaces; evolve run --help lists the options)',
  )
  .action(async (file, options) => (await import('./commands/run.js')).runCommand(file, options));

program
  .command('generate')
  .description('answer instructions with a base model, with or without an adapter')
  .option('--run <dir>', 'the folder of a run: its model with its adapter')
  .option('--model <path>', 'a base model')
  .option('--adapter <dir>', 'an adapter for --model')
  .option('--template <name>', 'with --model: how prompts read, as data.template of a run (default: alpaca)')
  .option(
    '--plugin <name>',
    "with --model: a third party's plugin, as in plugins of a run; may be repeated",
    collect,
    [],
  )
  .option('--instruction <text>', 'what to do')
  .option('--input <text>', 'further context of the instruction')
  .option(
    '--input-file <file>',
    'many instructions: one a line, or JSON of {"instruction", "input"}; - reads standard input',
  )
  .option('--max-new-tokens <n>', 'generate at most this many tokens (default: 128)', integer(1))
  .option('--greedy', 'take the likeliest token each time (the default unless a sampling option is given)')
  .option(
    '--temperature <t>',
    'sample; below 1 sharper, above 1 flatter (default: 1, if another option samples)',
    number({ from: 0 }),
  )
  .option(
    '--top-p <p>',
    'sample from the likeliest tokens that together have this probability (default: 1)',
    number({ from: 0, to: 1 }),
  )
  .option('--top-k <k>', 'sample from this many of the likeliest tokens (default: 0, all)', integer(0))
  .option(
    '--repetition-penalty <x>',
    'above 1: avoid tokens that the text already has (default: 1)',
    number({ above: 0 }),
  )
  .addOption(
    notNegated(
      '--no-repeat-ngram-size <n>',
      'let no run of this many tokens come twice (default: 0, none)',
    ).argParser(integer(0)),
  )
  .option(
    '--num-beams <n>',
    'follow this many continuations, and take the likeliest whole answer (default: 1)',
    integer(1, MOST_BEAMS),
  )
  .option(
    '--length-penalty <x>',
    'with beams: above 1 prefers longer answers, below 1 shorter ones (default: 1)',
    number({ from: -100 }),
  )
  .option('--early-stopping', 'with beams: end with as many whole answers as there are beams')
  .option('--seed <n>', 'the seed of the sampling (default: 42)', integer(0))
  .option('--device <name>', "what computes (default: the run's, or auto)")
  .option('--json', 'write JSON lines to standard output')
  .addHelpText(
    'after',
    examples(
      'generate --run runs/mine --instruction "What is a banana?"',
      'generate --model PATH --adapter runs/mine/adapter --input-file questions.txt --json',
    ),
  )
  .showHelpAfterError(
    '(what to do is given as --instruction "Name a fruit."; evolve generate --help lists the options)',
  )
  .action(async (options) => (await import('./commands/generate.js')).generateCommand(options));

program
  .command('merge')
  .description('write base model and adapter as one model, as transformers loads it')
  .option('--run <dir>', 'the folder of a run: its model with its adapter')
  .option('--model <path>', 'a base model')
  .option('--adapter <dir>', 'an adapter for --model')
  .requiredOption('--output <dir>', 'the folder to write; it must be new or empty')
  .option('--keep-chat-template', KEEP_TEMPLATE)
  .option('--device <name>', "what computes (default: the run's, or auto)")
  .option('--json', 'write JSON lines to standard output')
  .addHelpText('after', examples('merge --run runs/mine --output merged'))
  .action(async (options) => (await import('./commands/export.js')).mergeCommand(options));

program
  .command('export')
  .description('write a model, with its adapter merged where there is one, for other programs')
  .option('--run <dir>', 'the folder of a run: its model with its adapter')
  .option('--model <path>', 'a base model')
  .option('--adapter <dir>', 'an adapter for --model')
  .addOption(
    new Option('--format <name>', 'what to write')
      .choices(['gguf', 'safetensors', 'gguf-adapter', 'mlx'])
      .makeOptionMandatory(),
  )
  .addOption(new Option('--type <name>', "of the numbers (default: the base model's)").choices(TYPES))
  .requiredOption('--output <path>', 'the folder to write, new or empty; or a new file with the ending .gguf')
  .option('--keep-chat-template', KEEP_TEMPLATE)
  .option('--device <name>', "what computes (default: the run's, or auto)")
  .option('--json', 'write JSON lines to standard output')
  .addHelpText('after', examples('export --run runs/mine --format gguf --type q8_0 --output gguf'))
  .action(async (options) => (await import('./commands/export.js')).exportCommand(options));

addEvaluateCommands(program);
addStudyCommand(program);
addReportCommands(program);

program
  .command('plugins')
  .description('list the plugins and the hooks that each taps')
  .argument('[config]', 'a configuration: lists what a run of it would use, and what it lists besides')
  .option('--json', 'write JSON lines to standard output')
  .action(async (file, options) => (await import('./commands/plugins.js')).pluginsCommand(file, options));

program
  .command('inspect')
  .description('show the rows of a run as it will see them: the very tokens, and which of them it trains')
  .argument('<config>', 'a YAML file')
  .option('--row <n>', 'only this row, by its place in the first pass through the data', integer(1))
  .option('--rows <n>', 'so many rows (default: 3)', integer(1))
  .option('--held-out', 'rows that are held out, not those that are trained on')
  .option('--set <key=value>', 'set a key of the configuration; may be repeated', collect, [])
  .option('--json', 'write JSON lines to standard output')
  .addHelpText('after', examples('inspect mine.yaml --row 12'))
  .action(async (file, options) => (await import('./commands/inspect.js')).inspectCommand(file, options));

addDataCommands(program);

addDeviceCommands(program);

program
  .command('completion')
  .description('print what has a shell complete the command line: source it in its startup file')
  .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
  .addHelpText('after', examples('completion bash >> ~/.bashrc'))
  .action(async (shell) => {
    const { completionScript } = await import('./commands/completion.js');
    process.stdout.write(completionScript(shell, program, { '--device': DEVICES }));
  });

/** The advice where the first word is no command. */
function wrongCommand([word = '']: readonly string[]): string {
  const lists = 'evolve --help lists the commands; evolve COMMAND --help, what a command takes';
  if (/\.(ya?ml|json)$/.test(word)) return `(a run is started by: evolve run ${word})`;
  return /^(train|finetune|fine-tune|start)$/.test(word)
    ? `(evolve run CONFIG trains; ${lists})`
    : `(${lists})`;
}

function examples(...commands: readonly string[]): string {
  return ['', 'Examples:', ...commands.map((command) => `  evolve ${command}`)].join('\n');
}

/** An option that takes a value although its name begins with `no`. */
function notNegated(flags: string, description: string): Option {
  return Object.assign(new Option(flags, description), { negate: false });
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value];
}

function number(range: { above?: number; from?: number; to?: number }) {
  const { above = Number.NEGATIVE_INFINITY, from = above, to = Number.MAX_VALUE } = range;
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() !== '' && value > above && value >= from && value <= to) return value;
    const words = Object.entries(range).map(([word, bound]) => `${word} ${bound}`);
    throw new InvalidArgumentError(`Expected a number ${words.join(' ')}.`);
  };
}

function integer(low: number, high = Number.POSITIVE_INFINITY) {
  return (text: string): number => {
    if (/^\d+$/.test(text) && Number(text) >= low && Number(text) <= high) return Number(text);
    const to = Number.isFinite(high) ? ` to ${high}` : '';
    throw new InvalidArgumentError(`Expected a whole number from ${low}${to}.`);
  };
}

/** Tells the person what went wrong; returns the exit status. */
async function report(failure: unknown): Promise<number> {
  const error = await ownError(failure);
  if (error === undefined) return 130;
  const ofArguments = error instanceof CommanderError;
  if (ofArguments && error.exitCode === 0) return 0;
  const known = error instanceof EvolveError;
  if (process.argv.includes('--json')) {
    const code = known ? error.code : ofArguments ? 'COMMAND_LINE' : 'UNEXPECTED';
    const advice = known ? error.advice : '';
    const message = messageOf(error).replace(/^error: /, '');
    process.stdout.write(`${JSON.stringify({ type: 'error', code, message, advice })}\n`);
  }
  // Commander has told it.
  if (ofArguments) return 2;
  if (known) {
    process.stderr.write(printable(`evolve: ${error.message}\n${error.advice ? `${error.advice}\n` : ''}`));
    if (process.env.EVOLVE_DEBUG) console.error(error);
    return error.exitStatus;
  }
  process.stderr.write(
    `evolve: unexpected: ${printable(messageOf(error))}\nThis is a fault of evolve; please report it with these lines:\n`,
  );
  console.error(error);
  return 1;
}

meetLauncher();

// Whoever reads may stop reading; commands that take long catch it to end early.
process.stdout.on('error', () => {});

// What a plugin prints is no JSON.
if (process.argv.includes('--json'))
  for (const method of ['log', 'info', 'debug'] as const) console[method] = console.error;

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = await report(error);
  await endOthers(process.exitCode);
  // What a plugin has left open, such as a timer, does not keep a process that the person wants ended.
  if (process.exitCode === 130) setTimeout(() => process.exit(), 1000).unref();
}
