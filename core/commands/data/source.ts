/** What the commands of `evolve data` share: the data that an argument names, opened as a run opens it. */

import { parse } from 'yaml';
import { interruptionOf } from '../../base/breath.js';
import { EvolveError, messageOf } from '../../base/errors.js';
import { printable } from '../../base/printable.js';
import { makeAssembly, makeConfig } from '../../config/load.js';
import type { DataSource, Example } from '../../contracts/dataset.js';
import { catalogueNames } from '../../data/catalogue.js';
import { openSource, withOrigin } from '../../data/open-source.js';
import { resolveSources } from '../../data/sources.js';
import { loadPlugins } from '../../plugins/load.js';
import { type Assembly, composeAssembly } from '../../run/compose.js';
import { catchInterruption } from '../interruption.js';

export interface JsonOption {
  readonly json?: true;
}

/** How a file is read, as the keys of a source in a configuration say it. */
export interface SourceOptions extends JsonOption {
  readonly format?: string;
  readonly encoding?: string;
  readonly split?: string;
  readonly take?: string;
  /** Mappings in YAML. */
  readonly columns?: string;
  readonly roles?: string;
  readonly edition?: string;
  readonly limit?: number;
  readonly plugin: readonly unknown[];
}

/** What else a command needs of a run's configuration. */
export interface Parts {
  /** As `data.template`, in YAML. */
  readonly template?: string | undefined;
  /** Whose tokenizer is asked for; none unless the command counts tokens. */
  readonly model?: string | undefined;
  /** Where lines for the person go; standard error where records go to standard output. */
  readonly told?: { write(text: string): unknown };
  /** Of a command that has caught its interruption already. */
  readonly signal?: AbortSignal;
}

/** Data that can be read. */
export interface OpenData extends Pick<Assembly, 'hooks' | 'assembler'> {
  readonly sources: readonly DataSource[];
  readonly signal: AbortSignal;
  /** The examples of a source, with their origin. */
  examplesOf(source: DataSource): AsyncGenerator<Example>;
}

/**
 * Opens what arguments name: files, folders, wild-cards, names of the catalogue, or `hub:owner/name`. What is no text is an item of
 * `data.sources`.
 *
 * @throws EvolveError COMMAND_LINE, CONFIG_INVALID or DATA_UNKNOWN
 */
export async function openData(
  whats: readonly (string | object)[],
  options: SourceOptions,
  { template, model = '.', told = process.stdout, signal = catchInterruption().signal }: Parts = {},
): Promise<OpenData> {
  const { edition, plugin, json } = options;
  const sources = whats.map((what) => (typeof what === 'string' ? sourceOf(what, options) : what));
  const { data } = makeConfig({ model: { path: model }, data: { sources, ...(edition && { edition }) } });
  const config = makeAssembly({
    model: { path: model },
    data: { ...(template && { template: mappingOf('template', template) }) },
    plugins: plugin,
  });
  const plugins = await loadPlugins(config, (keys) => keys.join('.'), { trackers: [] });
  const { hooks, assembler } = composeAssembly(config, plugins, signal);
  hooks.log.tap('data', (event) => {
    if (event.type === 'notice' || event.type === 'download') {
      if (json) told.write(`${JSON.stringify(event)}\n`);
      else if (event.type === 'notice') told.write(printable(`${event.message}\n`));
      else tellDownload(event);
    }
  });
  const tell = (message: string) => hooks.log.call({ type: 'notice', message });
  return {
    hooks,
    assembler,
    signal,
    sources: resolveSources(data, tell),
    async *examplesOf(source) {
      const { limit = Number.POSITIVE_INFINITY } = source;
      let taken = 0;
      try {
        for await (const example of await openSource(hooks, source, signal)) {
          yield withOrigin(example, source);
          if (++taken >= limit) return;
        }
      } catch (error) {
        // What waits for a pipe ends with an error of its own.
        throw signal.aborted ? interruptionOf(signal) : error;
      }
    },
  };
}

/** An item of `data.sources`: a name, or a mapping. */
export function sourceOf(what: string, options: Omit<SourceOptions, 'plugin'>): unknown {
  const { format, encoding, split, take, limit } = options;
  if (catalogueNames().includes(what)) return limit === undefined ? what : { name: what, limit };
  const [, hub] = /^hub:(.+)$/.exec(what) ?? [];
  const source = {
    ...(hub ? { hub } : { path: what }),
    format,
    encoding,
    split,
    take,
    limit,
    columns: mappingOf('columns', options.columns),
    roles: mappingOf('roles', options.roles),
  };
  return Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined));
}

function mappingOf(option: string, text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (cause) {
    const message = `--${option} ${text}: is no YAML: ${messageOf(cause)}`;
    throw new EvolveError('COMMAND_LINE', message, 'Such as --columns "{ instruction: title }"', { cause });
  }
}

/** On a terminal, one line that is overwritten. */
function tellDownload({
  name,
  bytes,
  totalBytes,
  status,
}: {
  name: string;
  bytes: number;
  totalBytes: number;
  status: string;
}): void {
  if (process.stderr.isTTY !== true) return;
  const megabytes = (number: number) => (number / 1e6).toFixed(1);
  const end = status === 'running' ? '' : '\n';
  process.stderr.write(`\r${printable(name)}: ${megabytes(bytes)} of ${megabytes(totalBytes)} MB${end}`);
}

export function emptyError(whats: readonly string[]): EvolveError {
  return new EvolveError(
    'DATA_EMPTY',
    `${whats.join(', ')} has no record`,
    'Check that it is the right file.',
  );
}
