/** What hub plugins do: they bring the files of a name (`owner/name`) to this machine: of models, adapters and data sets. */

/** Asks for the files of a model or an adapter. A hub's plugin answers once they are on this machine. */
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

/** What is wanted of a data set on a hub. */
export interface HubData {
  /** `owner/name`, or the name alone where it has no owner. */
  readonly name: string;
  /** A branch, tag or commit; the main branch if absent. */
  readonly revision?: string | undefined;
  /** Which of its files: names, which may have wild-cards, or folders. If absent, its card and the names of its files tell. */
  readonly files?: readonly string[] | undefined;
  /** Of several that its card tells apart. */
  readonly subset?: string | undefined;
  /** `train` if absent. */
  readonly split?: string | undefined;
}

/** Asks for the files of a data set. A hub's plugin answers once they are on this machine. */
export interface LocateDataRequest extends HubData {
  /** The key of the configuration that holds the name, for errors. */
  readonly at: readonly PropertyKey[];
  /** Aborted when the run is interrupted. */
  readonly signal: AbortSignal;
  /** Reports how a download goes: once before it begins, then about once a second. */
  progress(state: DownloadState): void;
}

/** Where the files of a data set are. */
export interface LocatedData {
  /** An absolute path of a folder. */
  readonly path: string;
  /** The files in it that are meant, by their absolute paths, in the order in which they are read. */
  readonly files: readonly string[];
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
