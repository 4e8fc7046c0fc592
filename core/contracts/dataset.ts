/** What dataset plugins make of files: examples, one kind of them for each way of training. */

/** What a dataset plugin makes of a raw record. */
export type Example = InstructionExample | TextExample;

/** One instruction with its answer, which is what is trained on. */
export interface InstructionExample {
  readonly instruction: string;
  /** Further context of the instruction; often empty. */
  readonly input: string;
  readonly output: string;
}

/** What a model is asked. */
export type Prompt = Pick<InstructionExample, 'instruction' | 'input'>;

/** A text that is trained on as a whole, as in pretraining. */
export interface TextExample {
  readonly text: string;
}

/** What the configuration names under `data.sources`, resolved by the catalogue: one file in one format. */
export interface DataSource {
  /** The catalogue's name, or the path as the person wrote it. */
  readonly name: string;
  /** Absolute; absent where the data is the plugin's own. */
  readonly path?: string;
  readonly format: string;
  /** Which entry of `data.sources` it comes from. */
  readonly index: number;
  /** Take at most this many records. */
  readonly limit?: number;
}
