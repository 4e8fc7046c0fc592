/** A record as it stands in a file, with its place for messages. */
export interface RawRecord {
  /** A JSON value; an object or a list of cells of a table; a text of a file of plain text. */
  readonly value: unknown;
  /** `record 3, line 17, byte 1204`: all from 1, of the text as it is in UTF-8 and unpacked. */
  readonly where: string;
  /** Why it cannot be read; `value` is then undefined. */
  readonly fault?: string | undefined;
}
