/** Configuration files: YAML (or JSON) parsed with the place of every value, for messages that name file and line. */

import { lstatSync } from 'node:fs';
import path from 'node:path';
import { cosmiconfig } from 'cosmiconfig';
import {
  type Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  type YAMLParseError,
} from 'yaml';
import { EvolveError, messageOf } from '../base/errors.js';
import { displayPath } from '../base/paths.js';
import { mergeable, merged } from './layers.js';
import { type Locate, show } from './validate.js';

/** The values of a configuration file, and where each stands. */
export interface ConfigFile {
  readonly values: Record<string, unknown>;
  readonly locate: Locate;
}

/**
 * Reads the file, and what it imports with cosmiconfig's `$import`. The file's own keys take precedence.
 *
 * @throws EvolveError if the file is missing or empty, or is not a mapping
 */
export async function readConfigFile(file: string): Promise<ConfigFile> {
  const documents: { file: string; document: Document; lines: LineCounter }[] = [];
  const load = (filepath: string, content: string) => {
    const lines = new LineCounter();
    const document = parseDocument(content, { lineCounter: lines });
    if (document.errors.length > 0) {
      const faults = document.errors.map((error) => {
        const { line, col } = lines.linePos(error.pos[0]);
        return `${displayPath(filepath)}:${line}:${col}: ${inWords(error, content)}`;
      });
      throw new EvolveError('CONFIG_FILE', faults.join('\n'), 'Correct the YAML; indentation is by spaces.');
    }
    documents.push({ file: filepath, document, lines });
    return mergeable(toValues(document, filepath));
  };
  const explorer = cosmiconfig('evolve', {
    loaders: { '.yaml': load, '.yml': load, '.json': load },
    mergeImportArrays: false,
    cache: false,
  });
  // Opening it would wait for a writer.
  if (lstatSync(file, { throwIfNoEntry: false })?.isFIFO()) {
    throw new EvolveError(
      'CONFIG_FILE',
      `${file}: is a pipe`,
      'Write the configuration to a .yaml file, and name that.',
    );
  }
  const result = await explorer.load(path.resolve(file)).catch((error: unknown) => {
    if (error instanceof EvolveError) throw error;
    throw unreadable(file, error);
  });
  const values: unknown = merged(result?.config);
  const advice = 'Start from one of the files in configs/.';
  if (values === undefined || values === null) {
    throw new EvolveError('CONFIG_FILE', `${file}: the configuration is empty`, advice);
  }
  if (typeof values !== 'object' || Array.isArray(values)) {
    throw new EvolveError(
      'CONFIG_FILE',
      `${file}: expected a mapping of keys, but got ${show(values)}`,
      advice,
    );
  }
  const locate: Locate = (keys) => {
    // The deepest part of the path that stands in a file: a missing key gets the place of the section it belongs to.
    for (let depth = keys.length; depth > 0; depth--) {
      for (const { file: where, document, lines } of documents) {
        const offset = offsetOf(document, keys.slice(0, depth));
        if (offset === undefined) continue;
        const { line, col } = lines.linePos(offset);
        return `${displayPath(where)}:${line}:${col}`;
      }
    }
    return displayPath(file);
  };
  return { values: structuredClone(values) as Record<string, unknown>, locate };
}

/** A fault of YAML, in words that need no knowledge of its grammar. */
function inWords({ code, message, pos: [start, end] }: YAMLParseError, content: string): string {
  const text = content.slice(start, end).split('\n', 1)[0];
  if (code === 'DUPLICATE_KEY') return `the key ${/^[^\s:]*/.exec(content.slice(start))} stands here twice`;
  if (code === 'MULTILINE_IMPLICIT_KEY') return `expected key: value, but got ${show(text)}`;
  return message.split(' at line ')[0];
}

/** @throws EvolveError where the document refers to an anchor that it does not have */
function toValues(document: Document, file: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw new EvolveError('CONFIG_FILE', `${displayPath(file)}: ${messageOf(error)}`, 'Correct the YAML.');
  }
}

function unreadable(file: string, error: unknown): EvolveError {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') {
    const missing = (error as NodeJS.ErrnoException).path ?? file;
    const importer = path.resolve(missing) === path.resolve(file) ? '' : `; ${displayPath(file)} imports it`;
    return new EvolveError(
      'CONFIG_FILE',
      `${displayPath(missing)}: there is no such file${importer}`,
      'Check the path; configs/ holds examples.',
    );
  }
  if (code === 'EISDIR') {
    return new EvolveError('CONFIG_FILE', `${file}: is a folder`, 'Name the YAML file in it.');
  }
  if (code !== undefined) {
    return new EvolveError(
      'CONFIG_FILE',
      `${file}: cannot be read: ${messageOf(error)}`,
      'See to it that it can be.',
    );
  }
  // Of cosmiconfig.
  const isOfOtherKind = messageOf(error).startsWith('No loader specified');
  return new EvolveError(
    'CONFIG_FILE',
    `${file}: ${isOfOtherKind ? 'is no configuration, by its name' : messageOf(error)}`,
    isOfOtherKind ? 'A configuration is a .yaml, .yml or .json file.' : 'Correct what $import names.',
  );
}

/** The place of the key at `keys`, or of the item if it is in a list. */
function offsetOf(document: Document, keys: readonly PropertyKey[]): number | undefined {
  const parent = keys.length === 1 ? document.contents : document.getIn(keys.slice(0, -1), true);
  const last = keys[keys.length - 1];
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === last);
    return isNode(pair?.key) ? pair.key.range?.[0] : undefined;
  }
  const node = document.getIn([...keys], true);
  return isNode(node) ? node.range?.[0] : undefined;
}
