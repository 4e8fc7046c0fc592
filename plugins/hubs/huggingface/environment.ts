/** What huggingface_hub's variables say: https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables */

import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { getHFHubCachePath, HUB_URL } from '@huggingface/hub';
import { EvolveError, expandHome } from '../../../core/index.js';

export interface Environment {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly token: string | undefined;
  /** Nothing is to be asked of a hub. */
  readonly offline: boolean;
  /** The folder of the cache. */
  readonly cache: string;
  /** Whether the cache may hold links. */
  readonly links: boolean;
}

export async function readEnvironment(): Promise<Environment> {
  const { env } = process;
  const endpoint = (env.HF_ENDPOINT || HUB_URL).replace(/\/+$/, '');
  if (!/^https?:/.test(endpoint) || !URL.canParse(endpoint)) {
    const message = `HF_ENDPOINT is "${endpoint}", which is no address of a hub`;
    throw new EvolveError('HUB_UNREACHABLE', message, `Leave it out for ${HUB_URL}.`);
  }
  return {
    endpoint,
    token: await readToken(),
    offline: isTrue(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE),
    cache: path.resolve(expandHome(getHFHubCachePath())),
    links: !isTrue(env.HF_HUB_DISABLE_SYMLINKS),
  };
}

/** That of a variable, or else of the file which `hf auth login` writes. */
async function readToken(): Promise<string | undefined> {
  const { env } = process;
  const given = (env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN)?.trim();
  if (given) return given;
  const home = env.HF_HOME ?? path.join(env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'huggingface');
  const file = expandHome(env.HF_TOKEN_PATH ?? path.join(home, 'token'));
  const kept = await readFile(file, 'utf8').catch(() => '');
  return kept.trim() || undefined;
}

/** As huggingface_hub reads its switches. */
function isTrue(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? '');
}
