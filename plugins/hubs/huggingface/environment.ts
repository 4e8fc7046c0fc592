/** What huggingface_hub's variables say: https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables */

import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { getHFHubCachePath, HUB_URL } from '@huggingface/hub';
import { EvolveError, expandHome } from '../../../core/index.js';

/** Those that are heeded. */
export const VARIABLES = [
  'HF_HOME',
  'XDG_CACHE_HOME',
  'HF_HUB_CACHE',
  'HUGGINGFACE_HUB_CACHE',
  'HF_TOKEN',
  'HUGGING_FACE_HUB_TOKEN',
  'HF_TOKEN_PATH',
  'HF_HUB_DISABLE_IMPLICIT_TOKEN',
  'HF_ENDPOINT',
  'HF_HUB_OFFLINE',
  'TRANSFORMERS_OFFLINE',
  'HF_HUB_DISABLE_SYMLINKS',
] as const;

/** By this type no other can be read. */
const env: Readonly<Partial<Record<(typeof VARIABLES)[number], string>>> = process.env;

/** What the variables come to. */
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

/** @throws EvolveError HUB_UNREACHABLE if HF_ENDPOINT is no address, HUB_REFUSED if a token cannot be one */
export async function readEnvironment(): Promise<Environment> {
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
  for (const name of ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN'] as const) {
    const token = tokenOf(env[name] ?? '', name);
    if (token) return token;
  }
  if (isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const home = env.HF_HOME ?? path.join(env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'huggingface');
  const file = expandHome(env.HF_TOKEN_PATH ?? path.join(home, 'token'));
  return tokenOf(await readFile(file, 'utf8').catch(() => ''), file);
}

/** A text without the line breaks and spaces that come of copying a token. The error does not tell a secret. */
function tokenOf(text: string, where: string): string | undefined {
  const token = text.replace(/[\r\n]/g, '').trim();
  if (/^[!-~]*$/.test(token)) return token || undefined;
  throw new EvolveError(
    'HUB_REFUSED',
    `the token in ${where} has a character that no token has`,
    'A token is letters, digits and "_": copy it once more, with nothing around it.',
  );
}

/** As huggingface_hub reads its switches. */
function isTrue(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? '');
}
