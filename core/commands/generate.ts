import { EvolveError } from '../base/errors.js';
import type { DecodeAllOptions } from '../generation/decoder.js';
import {
  GENERATE_DEFAULTS,
  type Generated,
  type GenerateOptions,
  generate,
  generateAll,
} from '../generation/generate.js';
import type { AssembledModel } from '../model/assemble.js';
import { loadPlugins } from '../plugins/load.js';
import { composeAssembly } from '../run/compose.js';
import { catchInterruption } from './interruption.js';
import {
  configOf,
  located,
  locateIn,
  type ModelChoice,
  templateNotice,
  unfinishedNotice,
} from './model-choice.js';
import { type Instruction, type PromptOptions, promptsOf } from './prompts.js';

interface GenerateCommandOptions extends ModelChoice, PromptOptions, Partial<GenerateOptions> {
  readonly greedy?: true;
  readonly json?: true;
}

/** `evolve generate`: answers go to standard output, everything else to standard error. */
export async function generateCommand(options: GenerateCommandOptions): Promise<void> {
  try {
    await answerAll(options);
  } catch (error) {
    throw located(error, options);
  }
}

async function answerAll(options: GenerateCommandOptions): Promise<void> {
  const prompts = promptsOf(options);
  const sampling = samplingOptions(options);
  const config = await configOf(options);
  const trackers = [['progress', { stream: 'stderr' }]] as const;
  const plugins = await loadPlugins(config, locateIn(options), { trackers, folder: options.run });
  const { signal } = catchInterruption();
  const { assembler, hooks, context } = composeAssembly(config, plugins, signal);
  for (const message of [unfinishedNotice(options), await templateNotice(options, config)])
    if (message !== undefined) hooks.log.call({ type: 'notice', message });
  const device = await assembler.openDevice();
  const assembled = await assembler.assemble();
  const { model, encoder } = assembled;
  context.assembled(assembled);
  try {
    if (options.inputFile === undefined && !options.json && process.stdout.isTTY) {
      await answerAsItGrows(assembled, prompts[0], sampling, { device, signal });
    } else {
      const write = ({ text: output, tokens, stopped }: Generated, i: number) => {
        const line = options.json
          ? JSON.stringify({ ...prompts[i], output, tokens, stopped })
          : `${i > 0 ? '\n' : ''}${options.inputFile === undefined ? '' : asked(prompts[i])}${output}`;
        process.stdout.write(`${line}\n`);
      };
      await generateAll(model, encoder, prompts, sampling, write, { device, signal });
    }
  } finally {
    assembled.dispose();
  }
}

/** The question above its answer, as a mail quotes what it answers. */
function asked({ instruction, input }: Instruction): string {
  const text = input === '' ? instruction : `${instruction}\n${input}`;
  return text.replace(/^/gm, '> ').concat('\n');
}

/** Writes the answer while it is made, as far as it is certain. */
async function answerAsItGrows(
  { model, encoder }: AssembledModel,
  prompt: Instruction,
  options: GenerateOptions,
  decoding: DecodeAllOptions,
): Promise<void> {
  let written = '';
  const write = (text: string) => {
    process.stdout.write(text.slice(written.length));
    written = text;
  };
  const writeWhatIsCertain = (soFar: string) => {
    // A replacement character at the end: a character of several tokens is not whole yet.
    if (soFar.startsWith(written) && !soFar.endsWith('\ufffd')) write(soFar);
  };
  const { text } = await generate(model, encoder, prompt, options, writeWhatIsCertain, decoding);
  if (!text.startsWith(written)) {
    process.stdout.write('\n');
    written = '';
  }
  write(text);
  process.stdout.write('\n');
}

/** Greedy unless an option of sampling is given. */
function samplingOptions(options: GenerateCommandOptions): GenerateOptions {
  const narrows = options.topP !== undefined || options.topK !== undefined;
  const samples = options.temperature !== undefined || narrows;
  if (options.greedy && samples) {
    const message = '--greedy takes no --temperature, --top-p or --top-k';
    throw new EvolveError('COMMAND_LINE', message, 'Leave one or the other out.');
  }
  if (options.temperature === 0 && narrows) {
    const message = '--temperature 0 takes the likeliest token each time, and no --top-p or --top-k';
    throw new EvolveError('COMMAND_LINE', message, 'Ask for a temperature above 0, or leave them out.');
  }
  if ((options.numBeams ?? 1) === 1 && (options.lengthPenalty !== undefined || options.earlyStopping)) {
    const message = '--length-penalty and --early-stopping are for beams, but --num-beams is 1';
    throw new EvolveError('COMMAND_LINE', message, 'Add --num-beams, or leave them out.');
  }
  const given = Object.fromEntries(
    Object.keys(GENERATE_DEFAULTS).flatMap((key) => {
      const value = options[key as keyof GenerateOptions];
      return value === undefined ? [] : [[key, value]];
    }),
  );
  return { ...GENERATE_DEFAULTS, ...(samples ? { temperature: 1 } : {}), ...given };
}
