/** Which files of a repository are needed: of all the formats that it may hold, one. */

import type { LocateRequest } from '../../../core/index.js';

/** What is wanted of a repository. */
export interface Target extends Pick<LocateRequest, 'kind' | 'weights'> {
  readonly repository: string;
  /** The one file that is meant. */
  readonly file?: string;
}

/** The names of a repository's files, and the files that an index among them names. */
interface Listing {
  readonly names: readonly string[];
  readIndex(name: string): Promise<readonly string[]>;
}

/** The files of one format, by their paths in the repository. */
export interface Selection {
  /** config.json, the tokenizer's files … */
  readonly companions: readonly string[];
  /** The weights in one format, an index first; none where there are none. */
  readonly weights: readonly string[];
  /** The file to open where one file is all. */
  readonly entry?: string;
}

/** The file by which a repository is known to hold a model or an adapter. */
export const CONFIG = { model: 'config.json', adapter: 'adapter_config.json' } as const;

const GENERATION = /^generation_config\.json$/;
const TOKENIZER = /^tokenizer\.json$|\.(model|tiktoken)$/;
const TOKENIZER_SETTINGS =
  /^(tokenizer_config|special_tokens_map|added_tokens|chat_template)\.json$|^vocab\.(json|txt)$|^merges\.txt$|\.jinja$/;

/** A model's own code. It is not run here, but belongs into a folder for transformers. */
const CODE = /\.py$/;

/** The first that is there is taken; what can be mapped into memory comes before what must be unpacked. */
const WEIGHTS = {
  model: [
    'model.safetensors.index.json',
    'model.safetensors',
    'pytorch_model.bin.index.json',
    'pytorch_model.bin',
  ],
  adapter: ['adapter_model.safetensors', 'adapter_model.bin'],
} as const;

/** The files of a target, in the root of its repository, of those that are there. */
export async function selectFiles(
  { names, readIndex }: Listing,
  { kind, weights, file }: Target,
): Promise<Selection> {
  const first = WEIGHTS[kind].find((name) => names.includes(name));
  const ggufs = ggufFiles(names);
  const entry = file ?? (kind === 'model' && !first && ggufs.length === 1 ? ggufs[0] : undefined);
  // A GGUF file holds the configuration and the tokenizer too.
  if (entry) return { companions: [], weights: partsOf(entry), entry };
  const shards = weights && first?.endsWith('.index.json') ? await readIndex(first) : [];
  const patterns = kind === 'model' ? [GENERATION, TOKENIZER, TOKENIZER_SETTINGS, CODE] : [];
  const isCompanion = (name: string) =>
    name === CONFIG[kind] || patterns.some((pattern) => pattern.test(name));
  return {
    companions: names.filter((name) => !name.includes('/') && isCompanion(name)),
    weights: first ? [first, ...shards] : [],
  };
}

/** Whether the files `names` of a snapshot are all that a selection needs. */
export function suffices(selection: Selection, names: readonly string[], { kind, weights }: Target): boolean {
  const areThere = (files: readonly string[]) => files.every((file) => names.includes(file));
  const hasWeights = selection.weights.length > 0 && areThere(selection.weights);
  if (selection.entry) return hasWeights;
  const { companions } = selection;
  if (!areThere(companions)) return false;
  const hasTokenizer = kind === 'adapter' || companions.some((name) => TOKENIZER.test(name));
  return companions.includes(CONFIG[kind]) && hasTokenizer && (hasWeights || !weights);
}

/** The GGUF files in the root; one that is in parts is named by its first. */
export function ggufFiles(names: readonly string[]): string[] {
  const isLaterPart = (name: string) => /-(?!00001)\d{5}-of-\d{5}\.gguf$/.test(name);
  return names.filter((name) => /^[^/]+\.gguf$/.test(name) && !isLaterPart(name));
}

/** All parts of a GGUF file, of which the first is named `…-00001-of-00003.gguf`. */
function partsOf(name: string): string[] {
  const [, stem, total] = name.match(/^(.*)-\d{5}-of-(\d{5})\.gguf$/) ?? [];
  if (stem === undefined) return [name];
  const number = (i: number) => String(i + 1).padStart(5, '0');
  return Array.from({ length: Number(total) }, (_, i) => `${stem}-${number(i)}-of-${total}.gguf`);
}

/**
 * The files that an index of shards names.
 *
 * @throws SyntaxError if it is none
 */
export function filesOfIndex(text: string): string[] {
  const { weight_map } = JSON.parse(text) as { weight_map?: Record<string, unknown> };
  const files = [...new Set(Object.values(weight_map ?? {}))].sort();
  if (files.length > 0 && files.every((file) => typeof file === 'string')) return files as string[];
  throw new SyntaxError('there is no "weight_map" from tensor names to files');
}
