/**
 * One file of the hub into the cache: into `blobs/<hash>.evolve.incomplete`, from where an earlier attempt ended; its
 * hash is computed on the way, and only what has the right one gets its final name.
 */

import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { EvolveError } from '../../../core/index.js';
import { ATTEMPTS, describeFailure, type Hub } from './hub.js';
import type { RemoteFile } from './repository.js';

const READ_BYTES = 1 << 20;

/** Where a file that is not whole is kept. Not huggingface_hub's name, whose earlier versions append to what they find. */
function partialOf(blob: string): string {
  return `${blob}.evolve.incomplete`;
}

/** How many bytes of a file are there from an earlier attempt. */
export async function bytesThere(blob: string): Promise<number> {
  return (await stat(partialOf(blob)).catch(() => undefined))?.size ?? 0;
}

/** What is to be downloaded, to where. */
export interface Download {
  readonly hub: Hub;
  readonly commit: string;
  readonly file: RemoteFile;
  /** The file to make. */
  readonly blob: string;
  /** Whether another process has brought it meanwhile. */
  isThere(): Promise<boolean>;
  /** Called with the number of bytes that are there, as it changes. */
  progress(bytes: number): void;
  notice(message: string): void;
}

/**
 * Brings a file from the hub.
 *
 * @throws EvolveError HUB_UNREACHABLE if it ends before its time again and again, DOWNLOAD_FAILED if the bytes are
 * not those of the hash (what came is removed), or cannot be written (what came is kept)
 */
export async function download(request: Download): Promise<void> {
  const { blob, file, notice } = request;
  const partial = partialOf(blob);
  try {
    // Places are always given, never "the end": a second process that writes here too writes the same to the same.
    const handle = await open(partial, constants.O_RDWR | constants.O_CREAT, 0o666);
    try {
      const kept = (await handle.stat()).size;
      let isRight = await fetchInto(handle, request, kept);
      if (!isRight && kept > 0) {
        notice(`${file.path}: what was kept of an earlier download is damaged; it is downloaded anew`);
        // Not cut to nothing: by then another process may have given this very file its final name.
        isRight = await fetchInto(handle, request, 0);
        await handle.truncate(file.size);
      }
      if (!isRight) {
        await rm(partial, { force: true });
        throw wrongBytes(file);
      }
      // A name must not reach the disk before its bytes.
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(partial, blob).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' || !(await request.isThere())) throw error;
    });
  } catch (error) {
    throw isOfDisk(error) ? unwritable(partial, error) : error;
  }
}

/** Fetches the file from the byte `start` on; returns whether it is then what its hash says. */
async function fetchInto(handle: FileHandle, request: Download, start: number): Promise<boolean> {
  const { hub, commit, file, progress } = request;
  let at = start;
  if (at > file.size) return false;
  let hash = newHash(file);
  await hashPrefix(handle, at, hash);
  for (let vain = 1; at < file.size; vain++) {
    const before = at;
    let why = 'cut the connection';
    let cause: unknown;
    try {
      const answer = await hub.read(commit, file, at);
      if (!answer) return false;
      if (answer.from < at) {
        at = 0;
        hash = newHash(file);
      }
      for await (const chunk of answer.chunks) {
        if (at + chunk.length > file.size) return false;
        await writeAll(handle, chunk, at);
        hash.update(chunk);
        at += chunk.length;
        progress(at);
      }
    } catch (error) {
      if (error instanceof EvolveError || isOfDisk(error) || hub.signal.aborted) throw error;
      why = describeFailure(error);
      cause = error;
    }
    if (at >= file.size) break;
    if (at > before) vain = 1;
    if (vain >= ATTEMPTS) throw hub.unreachable(`${why} within ${file.path}, ${vain} times`, cause);
    await hub.pause(`${why} within ${file.path}`, vain + 1);
  }
  return hash.digest('hex') === file.hash;
}

/** SHA-256 of the content, or the SHA-1 of a git blob, which begins with the content's size. */
function newHash({ hash, size }: RemoteFile): Hash {
  return hash.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
}

async function hashPrefix(handle: FileHandle, bytes: number, hash: Hash): Promise<void> {
  const buffer = Buffer.alloc(Math.min(READ_BYTES, bytes));
  for (let at = 0; at < bytes; ) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, bytes - at), at);
    if (bytesRead === 0) return;
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
}

function wrongBytes({ path, hash }: RemoteFile): EvolveError {
  const kind = hash.length === 64 ? 'SHA-256' : 'git SHA-1';
  const message = `${path}: what the hub sent is not what it lists (${kind} ${hash}); it has been removed`;
  const advice = 'Run it again; where that does not help, a proxy or the mirror in HF_ENDPOINT alters files.';
  return new EvolveError('DOWNLOAD_FAILED', message, advice);
}

/** Whether the system refused to open or write a file; what a network refuses has no system call of files. */
export function isOfDisk(error: unknown): error is NodeJS.ErrnoException {
  const { syscall } = (error ?? {}) as NodeJS.ErrnoException;
  return /^(open|write|rename|mkdir|symlink|copyfile|ftruncate|fdatasync|unlink)$/.test(syscall ?? '');
}

/** The error of a file that the system did not let be opened or written. */
export function unwritable(file: string, cause: NodeJS.ErrnoException): EvolveError {
  const isFull = cause.code === 'ENOSPC' || cause.code === 'EDQUOT';
  const message = `${file}: ${isFull ? 'the disk is full' : 'cannot be written'}: ${cause.message}`;
  const advice = isFull
    ? 'Make room, or let HF_HOME name a folder on another disk; what came is kept, and the next run goes on from there.'
    : 'HF_HOME or HF_HUB_CACHE names another folder for the cache.';
  return new EvolveError('DOWNLOAD_FAILED', message, advice, { cause });
}
