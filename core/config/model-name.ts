/**
 * Names of models on a hub: `owner/name`. A revision (a branch, tag or commit) may follow an `@`. In a repository of GGUF
 * files, the path of one file may follow the name.
 *
 *     Qwen/Qwen3-0.6B   HuggingFaceTB/SmolLM2-135M@refs/pr/3   owner/name/model-q4_0.gguf
 */

import { existsSync } from 'node:fs';
import { resolvePath } from '../base/paths.js';

/** What a name says. */
export interface ModelName {
  /** `owner/name` */
  readonly repository: string;
  /** The one file that is meant. */
  readonly file?: string;
  readonly revision?: string;
}

const NAME = /^([\w-][\w.-]*\/[\w-][\w.-]*)(?:\/(\w[\w./-]*\.gguf))?(?:@(\w[\w./-]*))?$/;

/** The parts of a name; undefined if `text` can only be a path. */
export function parseModelName(text: string): ModelName | undefined {
  const [, repository, file, revision] = text.match(NAME) ?? [];
  // The hub allows neither, and both would be ambiguous in paths.
  if (repository === undefined || text.includes('..') || repository.includes('--')) return undefined;
  return { repository, ...(file && { file }), ...(revision && { revision }) };
}

/**
 * A path made absolute, or a name unchanged. `model` is a path if it exists in `folder`, or begins with `./`, `../`, `/` or
 * `~` or `$HOME`. Otherwise it is a name if it has the form of one.
 */
export function resolveModel(folder: string, model: string): string {
  const local = resolvePath(folder, model);
  return parseModelName(model) && !existsSync(local) ? model : local;
}
