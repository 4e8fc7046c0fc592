/** A repository of the hub: what is asked about it, and what it holds. */

import type { Environment } from './environment.js';

/** What a hub keeps apart. An adapter is a model to it. */
export type RepositoryKind = 'model' | 'dataset';

/** Who asks, about what. */
export interface Inquiry {
  readonly environment: Environment;
  readonly kind: RepositoryKind;
  /** `owner/name` */
  readonly repository: string;
  readonly revision: string;
  /** The key of the configuration that names it. */
  readonly at: readonly PropertyKey[];
  readonly signal: AbortSignal;
  notice(message: string): void;
}

/** A file of a repository at a commit. */
export interface RemoteFile {
  /** In the repository. */
  readonly path: string;
  readonly size: number;
  /** Of the content: its SHA-256 where it lies in large file storage, else the SHA-1 that git gives it. */
  readonly hash: string;
}

/** Whether a revision is the full hash of a commit, which never comes to mean another. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** The address of a repository's page, below which its files are. */
export function pageOf({ environment, kind, repository }: Inquiry): string {
  return `${environment.endpoint}/${kind === 'dataset' ? 'datasets/' : ''}${repository}`;
}
