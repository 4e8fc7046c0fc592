/** What hub plugins do: a name that is no path becomes files on this machine. */

/** Asks for the files of a name that is no path. A hub's plugin answers once they are on this machine. */
export interface LocateRequest {
  /** As the configuration has it: `owner/name`, `owner/name@revision`, `owner/name/file.gguf`. */
  readonly name: string;
  readonly kind: 'model' | 'adapter';
  /** False: all but the weights is needed. */
  readonly weights: boolean;
  /** The key of the configuration that holds the name: where faults are. */
  readonly at: readonly PropertyKey[];
  /** Aborted where the run is interrupted. */
  readonly signal: AbortSignal;
  /** Tells how a download goes: about once a second, first before anything is there. */
  progress(state: DownloadState): void;
}

/** Where the files of a model or an adapter are. */
export interface Located {
  /** An absolute path of a folder or file. */
  readonly path: string;
  /** Under which exactly these files can be had again: the path, or `owner/name@commit`. */
  readonly name: string;
}

/** How far a download is. */
export interface DownloadState {
  readonly name: string;
  /** All that are needed. */
  readonly files: number;
  /** Bytes of them that are there, and bytes that they have. */
  readonly bytes: number;
  readonly totalBytes: number;
}
