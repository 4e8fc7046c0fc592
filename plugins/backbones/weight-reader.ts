import { type Checkpoint, DenseWeight, decodeFloats, EvolveError, tf } from '../../core/index.js';

/**
 * Reads the tensors that a model needs, and tells all that are missing or of the wrong shape at once.
 *
 *     const reader = new WeightReader(await request.openCheckpoint());
 *     const weight = await reader.matrix('model.embed_tokens.weight', [vocabulary, hidden]);
 *     reader.finish();
 */
export class WeightReader {
  readonly #faults: string[] = [];
  readonly #vectors: tf.Tensor1D[] = [];

  constructor(private readonly checkpoint: Checkpoint) {}

  has(name: string): boolean {
    return this.checkpoint.tensors.has(name);
  }

  /** A frozen weight in the checkpoint's own type. */
  async matrix(name: string, shape: readonly [number, number]): Promise<DenseWeight> {
    const info = this.#expect(name, shape);
    if (!info) return new DenseWeight([0, 0], 'f32', new Uint8Array());
    return new DenseWeight(shape, info.type, await this.checkpoint.read(name));
  }

  /** A vector as a tensor, such as the scale of a norm or a bias. */
  async vector(name: string, size: number): Promise<tf.Tensor1D> {
    const info = this.#expect(name, [size]);
    const values = new Float32Array(size);
    if (info) decodeFloats(info.type, await this.checkpoint.read(name), values);
    const vector = tf.tensor1d(values);
    this.#vectors.push(vector);
    return vector;
  }

  /** @throws EvolveError that names every fault there was; the vectors read are then freed */
  finish(): void {
    if (this.#faults.length === 0) return;
    tf.dispose(this.#vectors);
    const more = this.#faults.length > 10 ? [`… and ${this.#faults.length - 10} more`] : [];
    const message = `${this.checkpoint.path}:\n${[...this.#faults.slice(0, 10), ...more].join('\n')}`;
    throw new EvolveError(
      'MODEL_INVALID',
      message,
      'config.json and the weights must be of one and the same model.',
    );
  }

  #expect(name: string, shape: readonly number[]) {
    const info = this.checkpoint.tensors.get(name);
    if (!info) {
      this.#faults.push(`  the tensor ${name} [${shape}] is missing`);
      return undefined;
    }
    if (info.shape.join() !== shape.join()) {
      this.#faults.push(`  the tensor ${name} is [${info.shape}], but config.json makes it [${shape}]`);
      return undefined;
    }
    return info;
  }
}
