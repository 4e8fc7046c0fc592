/** `evolve completion SHELL`: the script with which a shell completes evolve's command line. It starts no process of its own. */

import type { Argument, Command, Option } from 'commander';

/** The names of package.json under which the command is installed. */
const NAMES = ['evolve', 'evolving-alpaca'];

/** What a value is: some words of which it is one, a file or folder, or anything. */
type Value = readonly string[] | 'path' | 'text';

interface OptionWords {
  readonly flag: string;
  readonly description: string;
  /** Undefined where the option takes none. */
  readonly value: Value | undefined;
}

interface CommandWords {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionWords[];
  /** Of the arguments that are no options; undefined where there are none. */
  readonly value: Value | undefined;
}

/** Words that an option may have as its value, besides others: `--device` -> `native`, …. */
export type Suggestions = Readonly<Record<string, readonly string[]>>;

/** @param program the command line, of which all commands are listed */
export function completionScript(
  shell: 'bash' | 'zsh' | 'fish',
  program: Command,
  suggestions: Suggestions = {},
): string {
  const commands = program.commands.map((command) => wordsOf(command, suggestions));
  if (shell === 'fish') return fishScript(commands);
  const script = bashScript(commands);
  return shell === 'bash' ? script : `autoload -Uz compinit bashcompinit\ncompinit\nbashcompinit\n${script}`;
}

function wordsOf(command: Command, suggestions: Suggestions): CommandWords {
  const options = command.createHelp().visibleOptions(command);
  const [argument] = command.registeredArguments;
  return {
    name: command.name(),
    description: command.description(),
    options: options.map((option) => ({
      flag: option.long as string,
      description: option.description,
      value: option.required ? (suggestions[option.long as string] ?? valueFor(option)) : undefined,
    })),
    value: argument && valueFor(argument),
  };
}

function valueFor(of: Option | Argument): Value {
  if (of.argChoices) return of.argChoices;
  const name = 'flags' in of ? of.flags.replace(/^.*<(.*)>$/, '$1') : of.name();
  return ['dir', 'path', 'file', 'config'].includes(name) ? 'path' : 'text';
}

/** Where the function has no answer, `-o default` completes the names of files. */
function bashScript(commands: readonly CommandWords[]): string {
  const values = commands.flatMap(({ name, options }) =>
    options.flatMap(({ flag, value }) => (value ? [{ at: `'${name} ${flag}'`, value }] : [])),
  );
  const ofWords = values.flatMap(({ at, value }) =>
    typeof value === 'string' ? [] : [`    ${at}) words='${value.join(' ')}' ;;`],
  );
  const ofAnything = values.flatMap(({ at, value }) => (typeof value === 'string' ? [at] : []));
  const ofCommands = commands.map(({ name, options, value }) => {
    const flags = options.map(({ flag }) => flag).join(' ');
    const words = typeof value === 'object' ? `${value.join(' ')} ${flags}` : flags;
    // A file is asked for unless the word begins as an option does.
    const guard = value === 'path' ? '[[ $cur == -* ]] && ' : '';
    return `    '${name} '*) ${guard}words='${words}' ;;`;
  });
  return `_evolve() {
  local cur=\${COMP_WORDS[COMP_CWORD]} words=''
  local at="\${COMP_WORDS[1]} \${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then at=' '; fi
  case "$at" in
    ' ') words='${commands.map(({ name }) => name).join(' ')} --help --version' ;;
${[...ofWords, `    ${ofAnything.join(' | ')}) return ;;`, ...ofCommands].join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _evolve ${NAMES.join(' ')}
`;
}

function fishScript(commands: readonly CommandWords[]): string {
  const lines = NAMES.flatMap((command) => {
    const begin = `complete -c ${command}`;
    return [
      `${begin} -f`,
      ...commands.flatMap(({ name, description, options, value }) => {
        const within = `${begin} -n '__fish_seen_subcommand_from ${name}'`;
        return [
          `${begin} -n __fish_use_subcommand -a ${name} -d ${quotedForFish(description)}`,
          ...(value ? [`${within}${fishValue(value, { needed: false })}`] : []),
          ...options.map(
            (option) =>
              `${within} -l ${option.flag.slice(2)} -d ${quotedForFish(option.description)}${fishValue(option.value)}`,
          ),
        ];
      }),
    ];
  });
  return `${lines.join('\n')}\n`;
}

function fishValue(value: Value | undefined, { needed = true } = {}): string {
  if (value === undefined) return '';
  if (value === 'path') return needed ? ' -rF' : ' -F';
  const words = value === 'text' ? '' : ` -a '${value.join(' ')}'`;
  return `${needed ? ' -x' : ''}${words}`;
}

function quotedForFish(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
