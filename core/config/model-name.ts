/**
 * Names of models that are no paths: `owner/name`, as hubs have them. A revision (a branch, tag or commit) may follow an
 * `@`; of a repository of GGUF files one is named by its path in there.
 *
 *     Qwen/Qwen3-0.6B   HuggingFaceTB/SmolLM2-135M@refs/pr/3   owner/name/model-q4_0.gguf
 */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { expandHome } from '../base/paths.js';

/** What a name says. */
export interface ModelName {
  /** `owner/name` */
  readonly repository: string;
  /** The one file that is meant. */
  readonly file?: string;
  readonly revision?: string;
}

const NAME = /^([\w-][\w.-]*\/[\w-][\w.-]*)(?:\/(\w[\w./-]*\.gguf))?(?:@(\w[\w./-]*))?$/;

/** The parts of a name; undefined where `text` can only be a path. */
export function parseModelName(text: string): ModelName | undefined {
  const [, repository, file, revision] = text.match(NAME) ?? [];
  // As on the hub; both would also be ambiguous as parts of paths.
  if (repository === undefined || text.includes('..') || repository.includes('--')) return undefined;
  return { repository, ...(file && { file }), ...(revision && { revision }) };
}

/**
 * A path made absolute, or a name as it is. What exists in `folder` is a path, and what begins with `./`, `../`, `/` or
 * `~`; of the rest, what has the form of a name is one.
 */
export function resolveModel(folder: string, model: string): string {
  const local = path.resolve(folder, expandHome(model));
  return parseModelName(model) && !existsSync(local) ? model : local;
}
