/**
 * The hub over HTTP: which commit, which files, their bytes. What passes by itself (too many requests, a server that
 * fails, a network that is gone) is tried again; what does not is an error that says what to do.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { datasetInfo, type ListFileEntry, listFiles, modelInfo } from '@huggingface/hub';
import { EvolveError, messageOf } from '../../../core/index.js';
import { refusal } from './refusal.js';
import { type Inquiry, isCommit, pageOf, type RemoteFile } from './repository.js';
import { Silence } from './silence.js';

/** How often something is tried before it is an error. */
export const ATTEMPTS = 5;
/** Before the second attempt; each wait is twice the one before. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 300_000;

/** What a revision is at present. */
export interface Head {
  readonly commit: string;
  /** The paths of all files of a model; none where a mirror does not tell them. */
  readonly files: readonly string[];
  /** Of a data set: what its card says in YAML. */
  readonly card?: DatasetCard | undefined;
}

/** What is heeded of a data set's card: https://huggingface.co/docs/hub/datasets-manual-configuration */
export type DatasetCard = Pick<
  NonNullable<Awaited<ReturnType<typeof datasetInfo<'cardData'>>>['cardData']>,
  'configs' | 'license'
>;

/** How something is asked for. */
interface Asking {
  readonly attempts?: number;
  readonly silence?: Silence;
  /** The file whose bytes are asked for. */
  readonly file?: string;
}

/** The hub, asked about one repository. */
export class Hub {
  /** Aborted where the run is interrupted, or by `halt`. */
  readonly signal: AbortSignal;
  readonly #host: string;
  readonly #halting = new AbortController();

  constructor(private readonly inquiry: Inquiry) {
    this.signal = AbortSignal.any([inquiry.signal, this.#halting.signal]);
    this.#host = new URL(inquiry.environment.endpoint).host;
  }

  /** Ends all that is being asked. */
  halt(): void {
    this.#halting.abort();
  }

  /** The commit that the revision is, and what it holds. */
  async head(attempts = ATTEMPTS): Promise<Head> {
    const { kind, repository, revision, environment } = this.inquiry;
    const asked = {
      name: repository,
      revision,
      hubUrl: environment.endpoint,
      fetch: (input: RequestInfo | URL, init?: RequestInit) => this.#fetch(input, init, { attempts }),
    };
    const info: { sha: string; filePaths?: string[]; cardData?: DatasetCard | undefined } =
      kind === 'model'
        ? await this.#understood(modelInfo({ ...asked, additionalFields: ['sha', 'filePaths'] }))
        : await this.#understood(datasetInfo({ ...asked, additionalFields: ['sha', 'cardData'] }));
    if (isCommit(info.sha)) return { commit: info.sha, files: info.filePaths ?? [], card: info.cardData };
    throw this.#nonsense(`names "${info.sha}" as a commit of ${repository}`);
  }

  /** All files at a commit; those of folders only with `recursive`. */
  async files(commit: string, recursive: boolean): Promise<RemoteFile[]> {
    const { kind, repository, environment } = this.inquiry;
    const listed = listFiles({
      repo: { type: kind, name: repository },
      revision: commit,
      recursive,
      hubUrl: environment.endpoint,
      fetch: (input, init) => this.#fetch(input, init),
    });
    const entries: ListFileEntry[] = [];
    const gather = async () => {
      for await (const entry of listed) entries.push(entry);
    };
    await this.#understood(gather());
    return entries
      .filter(({ type }) => type === 'file')
      .map(({ path, size, oid, lfs }): RemoteFile => {
        const hash = lfs?.oid ?? oid ?? '';
        // Both become names of files here.
        if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash) || path.split('/').includes('..')) {
          throw this.#nonsense(`lists the file "${path}" with the hash "${hash}"`);
        }
        return { path, size: lfs?.size ?? size, hash };
      });
  }

  /**
   * The bytes of a file from the byte `from` on, or, where the hub takes no ranges, from the first one on.
   *
   * @returns undefined where the hub's file has no byte `from`
   */
  async read(
    commit: string,
    { path }: RemoteFile,
    from: number,
  ): Promise<{ from: number; chunks: AsyncIterable<Uint8Array> } | undefined> {
    const file = path.split('/').map(encodeURIComponent).join('/');
    const silence = new Silence();
    const response = await this.#fetch(
      `${pageOf(this.inquiry)}/resolve/${commit}/${file}`,
      { headers: { 'accept-encoding': 'identity', ...(from > 0 && { range: `bytes=${from}-` }) } },
      { silence, file: path },
    );
    if (response.status === 416) {
      await response.body?.cancel();
      return undefined;
    }
    return { from: response.status === 206 ? from : 0, chunks: silence.watch(response.body) };
  }

  /** Waits before attempt `next`, and says why. */
  async pause(why: string, next: number, wait = FIRST_WAIT_MS * 2 ** (next - 2)): Promise<void> {
    this.inquiry.notice(`${this.#host} ${why}; trying again in ${Math.ceil(wait / 1000)} s`);
    await sleep(wait, undefined, { signal: this.signal });
  }

  /** The error of what was tried in vain. */
  unreachable(why: string, cause?: unknown): EvolveError {
    const { environment, repository } = this.inquiry;
    const proxy = process.env.HTTPS_PROXY ?? process.env.https_proxy;
    const advice = [
      'Check the network; HF_ENDPOINT names another hub, and HF_HUB_OFFLINE=1 takes what the cache holds.',
      ...(proxy
        ? ['Node.js uses HTTPS_PROXY where NODE_USE_ENV_PROXY=1 is set (22.21 and 24.5 or later).']
        : []),
    ];
    const message = `${repository} cannot be had from ${environment.endpoint}: ${this.#host} ${why}`;
    return new EvolveError('HUB_UNREACHABLE', message, advice.join(' '), { cause });
  }

  /** What the library makes of an answer; where it fails, the answer was none of a hub. */
  async #understood<T>(result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (error) {
      if (error instanceof EvolveError || this.signal.aborted) throw error;
      throw this.#nonsense(`answers what no hub would: ${messageOf(error)}`);
    }
  }

  #nonsense(what: string): EvolveError {
    const advice = 'HF_ENDPOINT must be the address of a Hugging Face hub or of a mirror of one.';
    return new EvolveError('HUB_UNREACHABLE', `${this.inquiry.environment.endpoint} ${what}`, advice);
  }

  /** The answer to a request: one that is well, or 416. */
  async #fetch(
    input: RequestInfo | URL,
    init: RequestInit = {},
    { attempts = ATTEMPTS, silence = new Silence(), file }: Asking = {},
  ): Promise<Response> {
    const { environment } = this.inquiry;
    const url = new URL(input instanceof Request ? input.url : input);
    const headers = new Headers(init.headers);
    headers.set('user-agent', 'evolve');
    // fetch itself drops it where it is redirected to another origin, such as the storage behind the hub.
    if (environment.token && url.origin === new URL(environment.endpoint).origin) {
      headers.set('authorization', `Bearer ${environment.token}`);
    }
    for (let attempt = 1; ; attempt++) {
      let why: string;
      let wait: number | undefined;
      let cause: unknown;
      try {
        const response = await fetch(url, {
          ...init,
          headers,
          signal: AbortSignal.any([this.signal, silence.start()]),
        });
        const { status, statusText } = response;
        if (response.ok || status === 416) return response;
        if (status < 500 && status !== 429 && status !== 408)
          throw await refusal(response, this.inquiry, file);
        why = `answered ${status} (${status === 429 ? 'too many requests' : statusText || 'it failed'})`;
        wait = retryAfter(response);
        await response.body?.cancel();
      } catch (error) {
        if (error instanceof EvolveError || this.signal.aborted) throw error;
        why = describeFailure(error);
        cause = error;
      } finally {
        silence.pause();
      }
      if (wait !== undefined && wait > LONGEST_WAIT_MS) {
        throw this.unreachable(`${why}, to be asked again in ${Math.round(wait / 60_000)} minutes`);
      }
      if (attempt >= attempts)
        throw this.unreachable(attempts > 1 ? `${why}, ${attempts} times` : why, cause);
      await this.pause(why, attempt + 1, wait);
    }
  }
}

/** Milliseconds, as the header Retry-After asks for: seconds or a date. */
function retryAfter({ headers }: Response): number | undefined {
  const value = headers.get('retry-after');
  if (!value) return undefined;
  const wait = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

/** What a request or a connection failed of; fetch keeps the reason in the cause. */
export function describeFailure(error: unknown): string {
  const { code } =
    (error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined) ?? {};
  const reasons: Readonly<Record<string, string>> = {
    ENOTFOUND: 'is not known to the network',
    EAI_AGAIN: 'is not known to the network',
    ECONNREFUSED: 'takes no connection',
    ECONNRESET: 'cut the connection',
    UND_ERR_SOCKET: 'cut the connection',
    UND_ERR_CONNECT_TIMEOUT: 'does not answer',
  };
  const reason = code && reasons[code];
  const cause = error instanceof Error && error.cause ? error.cause : error;
  return reason ? `${reason} (${code})` : `failed: ${messageOf(cause)}`;
}
