/** A hub on this machine, which answers as huggingface.co does: https://huggingface.co/docs/hub/api */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface HubRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
}

type Answer = (request: HubRequest, response: ServerResponse) => boolean | Promise<boolean>;

const CHUNK = 16_384;

export class HubServer {
  /** The repository's name; every other is unknown. */
  readonly repository = 'people/model';
  /** What the repository is. */
  kind: 'model' | 'dataset' = 'model';
  /** Of a data set: the YAML of its card. */
  card: object = {};
  readonly files = new Map<string, Buffer>();
  readonly requests: HubRequest[] = [];
  /** Asked first; true where it has answered. */
  answer: Answer = () => false;
  /** What is sent of a file before the connection is cut, request by request. */
  readonly cuts = new Map<string, number[]>();
  /** Milliseconds between one chunk of large files and the next. */
  chunkDelay = 0;
  /** What the storage sends instead of what it was given. */
  readonly altered = new Map<string, Buffer>();
  takesRanges = true;
  /** By branch or tag; a commit is itself. */
  readonly revisions = new Map([['main', 'c0ffee'.padEnd(40, '1')]]);
  readonly #servers: Server[] = [];
  #storage = '';
  endpoint = '';

  /** A hub with the files of these folders and texts. */
  static async start(
    folder: string | undefined,
    files: Record<string, string | Buffer> = {},
  ): Promise<HubServer> {
    const hub = new HubServer();
    for (const name of folder ? readdirSync(folder) : []) {
      hub.files.set(name, readFileSync(path.join(folder ?? '', name)));
    }
    for (const [name, content] of Object.entries(files)) hub.files.set(name, Buffer.from(content));
    hub.endpoint = await hub.#listen((request, response) => hub.#answerApi(request, response));
    // Another port is another origin, which must see no token.
    hub.#storage = await hub.#listen((request, response) => hub.#answerStorage(request, response));
    return hub;
  }

  get commit(): string {
    return this.revisions.get('main') as string;
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  }

  /** The requests for a file's bytes, wherever they went. */
  requestsFor(name: string): HubRequest[] {
    const content = this.files.get(name);
    const places = [`/resolve/${this.commit}/${name}`, `/storage/${content && sha256(content)}`];
    const served = this.requests.filter((request) => places.some((place) => request.path.endsWith(place)));
    return isLarge(name) ? served.filter((request) => request.path.startsWith('/storage/')) : served;
  }

  /** The name that a file's content has in the cache. */
  hash(name: string): string {
    const content = this.files.get(name) as Buffer;
    return isLarge(name) ? sha256(content) : gitSha1(content);
  }

  async #listen(handle: (request: HubRequest, response: ServerResponse) => Promise<void>): Promise<string> {
    const server = createServer(async (message, response) => {
      const { pathname } = new URL(message.url ?? '/', 'http://hub');
      const request = {
        method: message.method ?? '',
        path: decodeURIComponent(pathname),
        headers: message.headers,
      };
      this.requests.push(request);
      if (!(await this.answer(request, response))) await handle(request, response);
    });
    this.#servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async #answerApi(request: HubRequest, response: ServerResponse): Promise<void> {
    const api = `/api/${this.kind}s/${this.repository}`;
    const page = `${this.kind === 'dataset' ? '/datasets' : ''}/${this.repository}`;
    const [, revision] = request.path.match(new RegExp(`^${api}/revision/(.+)$`)) ?? [];
    const [, tree] = request.path.match(new RegExp(`^${api}/tree/([^/]+)$`)) ?? [];
    const [, at, name] = request.path.match(new RegExp(`^${page}/resolve/([^/]+)/(.+)$`)) ?? [];
    const isPlain = request.path === api;
    if (isPlain || revision) {
      const sha = this.#commitOf(revision ?? 'main');
      if (!sha) return refuse(response, 404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
      const siblings = [...this.files.keys()].map((rfilename) => ({ rfilename }));
      return json(response, {
        _id: '1',
        id: this.repository,
        sha,
        ...(this.kind === 'model' ? { siblings } : { cardData: this.card }),
        lastModified: '2023-03-30T00:00:00Z',
      });
    }
    if (tree && this.#commitOf(tree)) return json(response, [...this.files].map(entryOf));
    const commit = at && this.#commitOf(at);
    if (!commit) {
      // As the hub does it: who may not know what there is gets 401.
      const status = request.headers.authorization ? 404 : 401;
      return refuse(response, status, 'RepoNotFound', 'Repository not found');
    }
    const content = this.files.get(name);
    if (!content) return refuse(response, 404, 'EntryNotFound', 'Entry not found');
    response.setHeader('X-Repo-Commit', commit);
    if (!isLarge(name)) {
      response.setHeader('ETag', `"${gitSha1(content)}"`);
      return this.#send(request, response, name, content);
    }
    response.setHeader('X-Linked-ETag', `"${sha256(content)}"`);
    response.setHeader('X-Linked-Size', content.length);
    response
      .writeHead(302, { location: `${this.#storage}/storage/${sha256(content)}?X-Signature=secret` })
      .end();
  }

  async #answerStorage(request: HubRequest, response: ServerResponse): Promise<void> {
    const found = [...this.files].find(([, content]) => request.path === `/storage/${sha256(content)}`);
    if (!found) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader('ETag', '"of the storage"');
    await this.#send(request, response, ...found);
  }

  async #send(request: HubRequest, response: ServerResponse, name: string, given: Buffer): Promise<void> {
    const whole = this.altered.get(name) ?? given;
    const [, from] = (this.takesRanges && request.headers.range?.match(/^bytes=(\d+)-/)) || [];
    const start = Number(from ?? 0);
    if (from !== undefined && start >= whole.length) {
      response.writeHead(416, { 'content-range': `bytes */${whole.length}` }).end();
      return;
    }
    const content = whole.subarray(start);
    const range = { 'content-range': `bytes ${start}-${whole.length - 1}/${whole.length}` };
    response.writeHead(from === undefined ? 200 : 206, {
      'content-length': content.length,
      'accept-ranges': 'bytes',
      ...(from !== undefined && range),
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    const cut = this.cuts.get(name)?.shift();
    const end = cut ?? content.length;
    for (let at = 0; at < end && !response.destroyed; at += CHUNK) {
      if (at > 0 && this.chunkDelay > 0) await sleep(this.chunkDelay);
      await new Promise<void>((resolve) => {
        response.write(content.subarray(at, Math.min(at + CHUNK, end)), () => resolve());
      });
    }
    if (cut === undefined) {
      response.end();
      return;
    }
    // What has not been read when a connection is cut is lost to the reader.
    await sleep(50);
    response.destroy();
  }

  #commitOf(revision: string): string | undefined {
    return this.revisions.get(revision) ?? [...this.revisions.values()].find((commit) => commit === revision);
  }
}

/** What lies in large file storage. */
function isLarge(name: string): boolean {
  return /\.(safetensors|bin|gguf|model|jsonl|parquet)$/.test(name);
}

function entryOf([path, content]: [string, Buffer]) {
  const entry = { type: 'file', path, size: content.length };
  if (!isLarge(path)) return { ...entry, oid: gitSha1(content) };
  // Git has a pointer in its place.
  const pointer = Buffer.from(`oid sha256:${sha256(content)}`);
  const lfs = { oid: sha256(content), size: content.length, pointerSize: pointer.length };
  return { ...entry, oid: gitSha1(pointer), lfs };
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

function gitSha1(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** An error as the hub tells it. */
export function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  const headers = { 'x-error-code': code, 'x-error-message': message, 'content-type': 'application/json' };
  response.writeHead(status, headers).end(JSON.stringify({ error: message }));
}
