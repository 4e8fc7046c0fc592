import { invalid } from '../tensor-file.js';

/** A file's metadata, of which most keys begin with the architecture; they are asked for without it. */
export class Metadata {
  /** Every key as it stands in the file. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly path: string;

  /**
   * @param path the file's
   * @param metadata its keys as they stand there, with plain values and arrays of them
   */
  constructor({ path, metadata }: Pick<Metadata, 'path'> & { readonly metadata: Metadata['values'] }) {
    this.values = metadata;
    this.path = path;
  }

  get architecture(): string {
    return String(this.values['general.architecture']);
  }

  /** The keys that begin so, without the architecture. */
  keys(prefix: string): string[] {
    const own = `${this.architecture}.`;
    return Object.keys(this.values)
      .filter((key) => key.startsWith(own + prefix))
      .map((key) => key.slice(own.length));
  }

  /**
   * A number; one of each layer where all are the same.
   *
   * @throws EvolveError if it is none, or is not there and nothing stands in for it
   */
  number(key: string, missing?: number): number {
    const given = this.values[`${this.architecture}.${key}`] ?? missing;
    const all = Array.isArray(given) ? [...new Set(given)] : [given];
    const [value] = all;
    // An f32 has seven decimal digits: 1e-5 was meant where 9.999999747378752e-6 is kept.
    if (all.length === 1 && typeof value === 'number' && Number.isFinite(value))
      return Number.isInteger(value) ? value : Number(value.toPrecision(7));
    throw this.refuse(key, 'but should be a number');
  }

  /** The same, above 0. @throws EvolveError if it is not */
  positive(key: string, missing?: number): number {
    const value = this.number(key, missing);
    if (value > 0) return value;
    throw this.refuse(key, 'but should be a number above 0');
  }

  /** The same, of things that are counted. @throws EvolveError if it is no whole number above 0 */
  count(key: string, missing?: number): number {
    const value = this.number(key, missing);
    if (Number.isInteger(value) && value > 0) return value;
    throw this.refuse(key, 'but should be a whole number above 0');
  }

  text(key: string, missing: string): string {
    return String(this.values[`${this.architecture}.${key}`] ?? missing);
  }

  has(key: string): boolean {
    return this.values[`${this.architecture}.${key}`] !== undefined;
  }

  /** Why a value cannot be used. */
  refuse(key: string, why: string): Error {
    const whole = `${this.architecture}.${key}`;
    const value = JSON.stringify(this.values[whole]) ?? 'missing';
    return invalid(this.path, `its metadata "${whole}" is ${value}, ${why}`);
  }
}
