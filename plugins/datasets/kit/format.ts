/** A data format: what its records are, and what becomes of one. */

import {
  type DataSource,
  type Example,
  type ExtensionPoint,
  extensionPoint,
  type Plugin,
} from '../../../core/index.js';

/** What a format makes of the records of one source. */
export interface Reading {
  /** What was taken for what: `instruction is "question", output is "answer"`. */
  readonly told: string;
  /** What becomes of a record, or what is wrong with it. */
  examplesOf(record: unknown): readonly Example[] | string;
}

/** A format of records, in whatever container they are. */
export interface Format extends Pick<Plugin, 'name' | 'apiVersion'> {
  /** What its records are, for messages: `instructions with their answers`. */
  readonly about: string;
  /** A name for another format with columns of its own: a file is never taken for it unasked. */
  readonly isPreset?: boolean;
  /**
   * How it reads a source.
   *
   * @param sample the first records
   * @throws EvolveError if the source names what the format has not
   */
  reading(sample: readonly unknown[], source: DataSource): Reading;
  /** Why a file of these records is not taken for this format unasked, although each could be read; undefined if it is. */
  doubt?(sample: readonly unknown[]): string | undefined;
}

/** All formats. A file whose source names none is held to each. */
export const FORMATS: ExtensionPoint<Format> = extensionPoint<Format>('data formats');
