/** What hub plugins do: they bring the files of a name (`owner/name`) to this machine. */

/** Asks for the files of a name. A hub's plugin answers once they are on this machine. */
export interface LocateRequest {
  /** As the configuration has it: `owner/name`, `owner/name@revision`, `owner/name/file.gguf`. */
  readonly name: string;
  readonly kind: 'model' | 'adapter';
  /** Whether the weights are needed too. */
  readonly weights: boolean;
  /** The key of the configuration that holds the name, for errors. */
  readonly at: readonly PropertyKey[];
  /** Aborted when the run is interrupted. */
  readonly signal: AbortSignal;
  /** Reports how a download goes: once before it begins, then about once a second. */
  progress(state: DownloadState): void;
}

/** Where the files of a model or an adapter are. */
export interface Located {
  /** An absolute path of a folder or file. */
  readonly path: string;
  /** A name under which exactly these files can be found again: the path, or `owner/name@commit`. */
  readonly name: string;
}

/** How far a download is. */
export interface DownloadState {
  readonly name: string;
  /** How many files are needed. */
  readonly files: number;
  /** How many of their bytes are here. */
  readonly bytes: number;
  readonly totalBytes: number;
}
