/** What backbone plugins get of a model. */

/** The files of a model beside its weights. */
export interface ModelFiles {
  /** An absolute path of a folder or file. */
  readonly path: string;
  /** A file of the model, from the checkpoint if that holds such files, else from the folder; undefined if there is none. */
  readFile(name: string): Promise<Uint8Array | undefined>;
  /** The same, a JSON object, parsed. */
  readJson(name: string): Promise<Record<string, unknown> | undefined>;
}

/** What every question to backbones says. */
export interface BackboneRequest extends ModelFiles {
  /** `auto`, or the name of the one backbone that should answer. */
  readonly backbone: string;
  /** Says which values of `model_type` a backbone takes. If no backbone takes the model, the error lists them. */
  takes(modelTypes: readonly string[]): void;
  /** Aborted when the person interrupts. What takes long should end then. */
  readonly signal?: AbortSignal | undefined;
}
