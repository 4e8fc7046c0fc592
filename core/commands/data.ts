/** `evolve data`: what data there is, and what a file holds, seen before it is trained on. */

import { existsSync } from 'node:fs';
import { parse } from 'yaml';
import { EvolveError, messageOf } from '../base/errors.js';
import { printable } from '../base/printable.js';
import { suggest } from '../base/suggest.js';
import { makeAssembly, makeConfig } from '../config/load.js';
import type { BadRow, DataSource, Example } from '../contracts/dataset.js';
import type { Encoder } from '../contracts/encoder.js';
import { labelsOf } from '../contracts/labels.js';
import { readCatalogue, resolveSources, unknownSource } from '../data/catalogue.js';
import type { Hooks } from '../plugins/hooks.js';
import { loadPlugins } from '../plugins/load.js';
import { type Assembly, composeAssembly } from '../run/compose.js';
import { renderExample } from './render-example.js';
import { encodedOr, renderTokens } from './render-tokens.js';

interface JsonOption {
  readonly json?: true;
}

/** How a file is read, as the keys of a source in a configuration say it. */
interface SourceOptions extends JsonOption {
  readonly format?: string;
  readonly encoding?: string;
  readonly split?: string;
  readonly take?: string;
  /** Mappings in YAML. */
  readonly columns?: string;
  readonly roles?: string;
  readonly plugin: readonly string[];
  readonly template?: string;
  readonly model?: string;
}

/** `evolve data list`: the names of the catalogue. */
export async function dataListCommand({ json }: JsonOption): Promise<void> {
  const entries = Object.entries(readCatalogue());
  const width = Math.max(...entries.map(([name]) => name.length));
  for (const [name, entry] of entries)
    process.stdout.write(
      json
        ? `${JSON.stringify({ type: 'dataset', name, ...entry })}\n`
        : `${name.padEnd(width)}  ${entry.about}\n`,
    );
}

/** `evolve data show NAME|FILE`: what the catalogue says of a name; a file is inspected. */
export async function dataShowCommand(name: string, options: SourceOptions): Promise<void> {
  const catalogue = readCatalogue();
  const entry = catalogue[name];
  if (!entry && existsSync(name))
    return dataInspectCommand(name, { ...options, rows: 3, template: 'alpaca' });
  if (!entry) {
    const message = `there is no data name "${name}"${suggest(name, Object.keys(catalogue))}, and no such file`;
    throw new EvolveError('DATA_UNKNOWN', message, '`evolve data list` lists the names.');
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ type: 'dataset', name, ...entry })}\n`);
  else
    process.stdout.write(
      `${name}: ${entry.about}\nformat: ${entry.format}\nsample: ${[entry.sample].flat().join(', ')}\nfull: ${entry.full}, from ${entry.published}\n`,
    );
}

/** `evolve data inspect FILE|NAME`: what it was taken for, and its first rows as a template has them. */
export async function dataInspectCommand(
  what: string,
  options: SourceOptions & { readonly rows: number; readonly template: string },
): Promise<void> {
  const { hooks, sources, assembler } = await opened(what, options);
  const encoder = options.model === undefined ? undefined : await assembler.loadEncoder();
  const template = encoder ? undefined : await assembler.makeTemplate();
  let shown = 0;
  const isColored = process.stdout.isTTY === true && !process.env.NO_COLOR;
  if (!options.json) {
    const marked = isColored ? 'green' : 'between ⟦ and ⟧';
    const end = encoder ? 'all tokens are shown' : '⟨end⟩ is the end token';
    process.stdout.write(`What is trained on is ${marked}; ${end}.\n`);
  }
  for (const source of sources) {
    for await (const example of await examplesOf(hooks, source)) {
      if (shown >= options.rows) break;
      shown++;
      if (options.json) {
        const row = { type: 'row', source: source.name, example, ...(encoder && tokensOf(encoder, example)) };
        process.stdout.write(`${JSON.stringify(row)}\n`);
        continue;
      }
      const row = encoder
        ? renderTokens(example, encoder, isColored)
        : renderExample(example, template!, isColored);
      process.stdout.write(printable(`\nrow ${shown} of ${source.name}\n`) + row);
    }
  }
  if (shown === 0)
    throw new EvolveError('DATA_EMPTY', `${what} has no record`, 'Check that it is the right file.');
}

/** The row of an example, or why there is none. */
function tokensOf(encoder: Encoder, example: Example): object {
  const row = encodedOr(encoder, example);
  return typeof row === 'string'
    ? { fault: row }
    : { inputIds: [...row.inputIds], labels: [...labelsOf(row)] };
}

/** `evolve data check FILE|NAME`: every fault with its place. */
export async function dataCheckCommand(what: string, options: SourceOptions): Promise<void> {
  const { hooks, sources } = await opened(what, options);
  let [good, faulty] = [0, 0];
  const skip = (row: BadRow) => {
    faulty++;
    const line = options.json
      ? JSON.stringify({ type: 'fault', ...row })
      : printable(`${row.where}: ${row.fault}`);
    process.stdout.write(`${line}\n`);
  };
  for (const source of sources) for await (const _ of await examplesOf(hooks, { ...source, skip })) good++;
  if (faulty > 0) {
    const message = `${what}: ${faulty} ${faulty === 1 ? 'record is' : 'records are'} faulty; ${good} examples can be read`;
    throw new EvolveError(
      'DATA_RECORD',
      message,
      'Correct or remove these records, or train with data.onBadRow: skip.',
    );
  }
  if (good === 0)
    throw new EvolveError('DATA_EMPTY', `${what} has no record`, 'Check that it is the right file.');
  const line = options.json
    ? JSON.stringify({ type: 'done', examples: good })
    : `${good} examples, none faulty`;
  process.stdout.write(`${line}\n`);
}

async function opened(
  what: string,
  options: SourceOptions,
): Promise<Pick<Assembly, 'hooks' | 'assembler'> & { sources: DataSource[] }> {
  const { format, encoding, split, take } = options;
  const isName = what in readCatalogue();
  const mappings = {
    columns: mappingOf('columns', options.columns),
    roles: mappingOf('roles', options.roles),
  };
  const source = { path: what, format, encoding, split, take, ...mappings };
  const named = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined));
  const { data } = makeConfig({ model: { path: '.' }, data: { sources: [isName ? what : named] } });
  const template = mappingOf('template', options.template);
  const config = makeAssembly({
    model: { path: options.model ?? '.' },
    data: { template },
    plugins: options.plugin,
  });
  const plugins = await loadPlugins(config, (keys) => keys.join('.'), { trackers: [] });
  const { hooks, assembler } = composeAssembly(config, plugins);
  hooks.log.tap('data', (event) => {
    if (event.type !== 'notice') return;
    process.stdout.write(options.json ? `${JSON.stringify(event)}\n` : printable(`${event.message}\n`));
  });
  return { hooks, assembler, sources: resolveSources(data) };
}

function mappingOf(option: string, text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (cause) {
    const message = `--${option} ${text}: is no YAML: ${messageOf(cause)}`;
    throw new EvolveError('COMMAND_LINE', message, `Such as --${option} "{ key: value }"`, { cause });
  }
}

async function examplesOf(hooks: Hooks, source: DataSource): Promise<AsyncIterable<Example>> {
  const stream = await hooks.loadData.promise(source);
  if (stream) return stream;
  throw unknownSource(
    source,
    hooks.loadData.taps.map(({ name }) => name),
  );
}
