/** What dataset plugins make of files: examples, of one kind for each way of training. */

import { EvolveError } from '../base/errors.js';
import type { HubData } from './hub.js';
import type { Span } from './labels.js';

/** What a dataset plugin makes of a raw record. */
export type Example = InstructionExample | TextExample | TurnsExample | TokensExample | PreferenceExample;

/** What examples of every kind may say of themselves. */
export interface Origin {
  /** The name of the data source. If the dataset plugin leaves it out, it is set when the source is read. */
  readonly source?: string | undefined;
  /** A tag of BCP 47: `en`, `zh`. */
  readonly language?: string | undefined;
}

/** One instruction with its answer. The answer is trained on. */
export interface InstructionExample extends Origin {
  readonly kind: 'instruction';
  readonly instruction: string;
  /** Further context of the instruction; often empty. */
  readonly input: string;
  readonly output: string;
  /** The part of `output` that reasons, in characters, if it is known. The rest states the answer. */
  readonly rationale?: readonly [start: number, end: number] | undefined;
}

/** A text that is trained on as a whole, as in pretraining. */
export interface TextExample extends Origin {
  readonly kind: 'text';
  readonly text: string;
}

/** A conversation. Some of its turns are trained on. */
export interface TurnsExample extends Origin {
  readonly kind: 'turns';
  readonly turns: readonly Turn[];
  /** What the assistant may call, as JSON; where there are none, it is absent. */
  readonly tools?: readonly unknown[] | undefined;
}

export interface Turn {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
  /** Whether it is trained on, or only read. */
  readonly trained: boolean;
  /** What the assistant calls in this turn; the turns of the role `tool` that follow are the results. */
  readonly calls?: readonly ToolCall[] | undefined;
}

/** A call of a tool. */
export interface ToolCall {
  readonly name: string;
  /** Any JSON value; nearly always an object. */
  readonly arguments: unknown;
}

/** A row that is in tokens already, of the model that is trained. Some of them have labels. */
export interface TokensExample extends Origin {
  readonly kind: 'tokens';
  readonly inputIds: readonly number[];
  /** The tokens that are trained on. Spans are in order; none is empty, and none overlap. */
  readonly spans: readonly Span[];
}

/** Two answers. People prefer one of them. */
export interface PreferenceExample extends Origin {
  readonly kind: 'preference';
  readonly prompt: Prompt;
  readonly chosen: string;
  readonly rejected: string;
}

/** What a model is asked: an instruction, or a conversation that it is to go on with. */
export type Prompt =
  | Pick<InstructionExample, 'instruction' | 'input'>
  | { readonly turns: readonly Pick<Turn, 'role' | 'content'>[] };

/** For the default of a `switch` over the kinds: the compiler says where one is missing, this error which was found. */
export function unknownKind(example: never): never {
  const { kind } = example as Partial<Example>;
  const message = `an example is of the kind ${JSON.stringify(kind)}, which is not known`;
  throw new EvolveError('DATA_RECORD', message, 'Kinds are instruction, text, turns, tokens and preference.');
}

/** The name of a column, or its number. */
export type ColumnName = string | number;

/** What the configuration names under `data.sources`, resolved by the catalogue: files in one format. */
export interface DataSource {
  /** The catalogue's name, or the path as the person wrote it. */
  readonly name: string;
  /**
   * An absolute path, which may have wild-cards, or `-` for standard input; absent if the data is the plugin's own.
   */
  readonly path?: string | undefined;
  /** Which files of the folder `path` are meant, by absolute paths; all data files in it if absent. */
  readonly files?: readonly string[] | undefined;
  /** Where its files are, as long as they are not on this machine: a plugin gets `path` and `files` in place of it. */
  readonly hub?: HubData | undefined;
  readonly format: string;
  /** Of its examples, for those that do not say their own: a tag of BCP 47. */
  readonly language?: string | undefined;
  /** Of the text, where it is neither UTF-8 nor has a mark: a name that TextDecoder knows. */
  readonly encoding?: string | undefined;
  /** Which of several lists of records in one JSON object is meant: `train`. */
  readonly split?: string | undefined;
  /** The format's columns -> those of the file, by name or, in a table without header, by number from 1. */
  readonly columns?: Readonly<Record<string, ColumnName | readonly ColumnName[]>> | undefined;
  /** Roles as the file calls them -> whose they are; `calls` is the assistant that asks tools, with the calls as its text. */
  readonly roles?: Readonly<Record<string, Turn['role'] | 'calls'>> | undefined;
  /** Of pairs of answers: what is trained on. */
  readonly take?: 'chosen' | undefined;
  /** Which entry of `data.sources` it comes from. */
  readonly index: number;
  /** Take at most this many records. */
  readonly limit?: number | undefined;
  /** Takes a record that is faulty, which is left out; absent if faulty records are an error. */
  readonly skip?: ((row: BadRow) => void) | undefined;
}

/** A record that cannot be trained on. */
export interface BadRow {
  /** Its place within the source. */
  readonly where: string;
  readonly fault: string;
}
