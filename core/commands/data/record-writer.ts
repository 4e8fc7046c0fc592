/** Records into a file, one by one: JSON lines, a JSON array or Parquet, by how its name ends; or lines to standard output. */

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import type { ParquetWriter } from 'hyparquet-writer';
import { interruptionOf } from '../../base/breath.js';
import { EvolveError, messageOf } from '../../base/errors.js';
import { displayPath } from '../../base/paths.js';

/** Takes records, in order. The file has its name once it is whole. */
export interface RecordWriter {
  write(record: object): Promise<void>;
  /** Ends the file and gives it its name. */
  finish(): Promise<void>;
  /** Removes what was written. */
  abandon(): Promise<void>;
}

/** A node of a Parquet table's schema. */
export type SchemaElement = ConstructorParameters<typeof ParquetWriter>[0]['schema'][number];

/** The columns of a Parquet table: the schema below its root, and what stands in a column of a record. */
export interface TableShape {
  readonly schema: readonly SchemaElement[];
  readonly columns: Readonly<Record<string, (record: object) => unknown>>;
}

/** Standard output. */
export const STDOUT = '-';

const FLUSH_CHARACTERS = 1 << 20;
/** So many rows, or characters, make a group, which is in memory as a whole. */
const GROUP_ROWS = 2_000;
const GROUP_CHARACTERS = 1 << 22;

/** How a record stands in Parquet. All records of a file have the same columns. */
export type TableOf = (record: object) => TableShape;

/**
 * @param output the path, or `-`
 * @throws EvolveError COMMAND_LINE if the file is there already, or its ending says nothing
 */
export async function openRecordWriter(
  output: string,
  tableOf: TableOf,
  signal: AbortSignal,
): Promise<RecordWriter> {
  if (output === STDOUT) return new LinesToStdout(signal);
  const [, ending] = /\.(jsonl|ndjson|json|parquet)$/i.exec(output) ?? [];
  const refuse = (message: string, advice: string): never => {
    throw new EvolveError('COMMAND_LINE', `--output ${output}: ${message}`, advice);
  };
  if (ending === undefined)
    return refuse(
      'its ending says not what to write',
      'Name a file in .jsonl, .json or .parquet; - is standard output.',
    );
  if (existsSync(output)) return refuse('is there already', 'Remove it, or name another file.');
  const temporary = `${output}.${process.pid}.tmp`;
  try {
    const handle = await open(temporary, 'wx');
    if (ending.toLowerCase() !== 'parquet')
      return new JsonFile(handle, temporary, output, ending.toLowerCase() === 'json');
    await handle.close();
    return new ParquetFile(temporary, output, tableOf);
  } catch (cause) {
    throw unwritable(output, cause);
  }
}

class LinesToStdout implements RecordWriter {
  constructor(private readonly signal: AbortSignal) {}

  async write(record: object): Promise<void> {
    if (process.stdout.write(`${JSON.stringify(record)}\n`)) return;
    // A reader that went away aborts the signal.
    await once(process.stdout, 'drain', { signal: this.signal }).catch((error: unknown) => {
      throw this.signal.aborted ? interruptionOf(this.signal) : error;
    });
  }

  async finish(): Promise<void> {}
  async abandon(): Promise<void> {}
}

class JsonFile implements RecordWriter {
  #text: string;
  #count = 0;

  constructor(
    private readonly handle: FileHandle,
    private readonly temporary: string,
    private readonly output: string,
    private readonly isArray: boolean,
  ) {
    this.#text = isArray ? '[' : '';
  }

  async write(record: object): Promise<void> {
    const before = !this.isArray ? '' : this.#count > 0 ? ',\n' : '\n';
    this.#text += `${before}${JSON.stringify(record)}${this.isArray ? '' : '\n'}`;
    this.#count++;
    if (this.#text.length > FLUSH_CHARACTERS) await this.#flush();
  }

  async finish(): Promise<void> {
    if (this.isArray) this.#text += '\n]\n';
    await this.#flush();
    await this.handle.close();
    await named(this.temporary, this.output);
  }

  async abandon(): Promise<void> {
    await this.handle.close().catch(() => {});
    await rm(this.temporary, { force: true });
  }

  async #flush(): Promise<void> {
    const text = this.#text;
    this.#text = '';
    await this.handle.appendFile(text).catch((cause) => {
      throw unwritable(this.output, cause);
    });
  }
}

class ParquetFile implements RecordWriter {
  #rows: object[] = [];
  #characters = 0;
  #table: TableShape | undefined;
  #writer: ParquetWriter | undefined;

  constructor(
    private readonly temporary: string,
    private readonly output: string,
    private readonly tableOf: TableOf,
  ) {}

  async write(record: object): Promise<void> {
    const table = this.tableOf(record);
    this.#table ??= table;
    if (table !== this.#table) {
      const message = `--output ${this.output}: a Parquet table has the same columns in all rows, and these records differ: ${Object.keys(this.#table.columns)[0]} here, ${Object.keys(table.columns)[0]} there`;
      throw new EvolveError('DATA_RECORD', message, 'Write .jsonl, which holds both.');
    }
    this.#characters += JSON.stringify(record).length;
    const isFull = this.#rows.push(record) >= GROUP_ROWS || this.#characters > GROUP_CHARACTERS;
    if (isFull) await this.#flush();
  }

  async finish(): Promise<void> {
    if (this.#rows.length > 0) await this.#flush();
    try {
      await this.#writer?.finish();
    } catch (cause) {
      throw unwritable(this.output, cause);
    }
    await named(this.temporary, this.output);
  }

  async abandon(): Promise<void> {
    await rm(this.temporary, { force: true });
  }

  async #flush(): Promise<void> {
    const rows = this.#rows;
    this.#rows = [];
    this.#characters = 0;
    const { schema, columns } = this.#table ?? { schema: [], columns: {} };
    const columnData = Object.entries(columns).map(([name, valueIn]) => ({ name, data: rows.map(valueIn) }));
    try {
      this.#writer ??= await this.#open([{ name: 'root', num_children: columnData.length }, ...schema]);
      await this.#writer.write({ columnData, rowGroupSize: GROUP_ROWS });
    } catch (cause) {
      throw unwritable(this.output, cause);
    }
  }

  async #open(schema: SchemaElement[]): Promise<ParquetWriter> {
    const { fileWriter, ParquetWriter: Writer } = await import('hyparquet-writer');
    return new Writer({ writer: fileWriter(this.temporary), schema, createdBy: 'evolve' });
  }
}

async function named(temporary: string, output: string): Promise<void> {
  await rename(temporary, output).catch((cause) => {
    throw unwritable(output, cause);
  });
}

function unwritable(output: string, cause: unknown): EvolveError {
  const message = `${displayPath(output)}: cannot be written: ${messageOf(cause)}`;
  return new EvolveError('WRITE_FAILED', message, 'Name another file with --output.', { cause });
}
