/** A number of a weight that no quantizer can store: NaN, or infinite. */
export class NotFiniteError extends Error {
  override readonly name = 'NotFiniteError';

  constructor(row: number, value: number) {
    super(`row ${row} holds ${value}`);
  }
}
