/** What backbone plugins are given of a model. */

/** The files of a model beside its weights. */
export interface ModelFiles {
  /** An absolute path of a folder or file. */
  readonly path: string;
  /** A file of the model: of those that the checkpoint itself holds, or else of the folder; undefined where there is none. */
  readFile(name: string): Promise<Uint8Array | undefined>;
  /** The same, a JSON object, parsed. */
  readJson(name: string): Promise<Record<string, unknown> | undefined>;
}

/** What every question to backbones says. */
export interface BackboneRequest extends ModelFiles {
  /** `auto`, or the one backbone that is to answer. */
  readonly backbone: string;
  /** Says which values of `model_type` a backbone takes. People are told them where no backbone takes the model. */
  takes(modelTypes: readonly string[]): void;
}
