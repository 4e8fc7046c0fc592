import {
  Breath,
  type Checkpoint,
  DENSE_TYPES,
  DenseWeight,
  decodeFloats,
  EmbeddingSite,
  EvolveError,
  type LinearLayout,
  LinearSite,
  type ModelRequest,
  releasePages,
  tf,
} from '../../../core/index.js';

type Vector = tf.Variable<tf.Rank.R1>;
type Shape = readonly [rows: number, columns: number];

/** Scale and shift of a layer norm. */
export interface LayerNormWeights {
  readonly weight: tf.Tensor1D;
  readonly bias: tf.Tensor1D;
}

/** An even number: the event loop may turn after so many. */
const DRAWN_AT_ONCE = 2 ** 18;

/** Ends of names of tensors that models compute by themselves, and older checkpoints hold all the same. */
const COMPUTED = /(^|\.)(inv_freq|masked_bias|position_ids)$/;

/**
 * Reads the tensors that a model needs, and tells at once all that are missing, of the wrong shape or type, or left over.
 *
 *     const reader = await WeightReader.open(request);
 *     const embedding = await reader.embedding('model.embed_tokens', [vocabulary, hidden]);
 *     reader.finish();
 *
 * Where the request wants a model that has learned nothing, matrices are drawn from a normal distribution (its standard
 * deviation is `initializer_range` of config.json, else 0.02), scales are one and biases zero, as transformers has it.
 */
export class WeightReader {
  readonly #breath: Breath;
  /** What names begin with that the checkpoint has without it. */
  #leftOut = '';
  /** What `vector` has read, by name. */
  readonly vectors = new Map<string, Vector>();
  readonly #faults: string[] = [];
  /** The names in the checkpoint of what was asked for. */
  readonly #asked = new Set<string>();

  private constructor(
    private readonly request: ModelRequest,
    /** undefined: numbers are drawn. */
    private readonly checkpoint: Checkpoint | undefined,
    private readonly deviation: number,
  ) {
    this.#breath = new Breath(request.signal);
  }

  /**
   * @param prefix of the base model, as `transformer.`: a checkpoint may be of the base model alone and leave it out.
   *   Tensors are asked for, and known in `vectors`, with it all the same.
   */
  static async open(request: ModelRequest, prefix = ''): Promise<WeightReader> {
    if (request.init === 'checkpoint') {
      const reader = new WeightReader(request, await request.openCheckpoint(), 0);
      const names = [...(reader.checkpoint?.tensors.keys() ?? [])];
      if (!names.some((name) => name.startsWith(prefix))) reader.#leftOut = prefix;
      return reader;
    }
    const { initializer_range: deviation = 0.02 } = (await request.readJson('config.json')) ?? {};
    if (typeof deviation === 'number' && deviation > 0)
      return new WeightReader(request, undefined, deviation);
    const message = `${request.path}/config.json: initializer_range should be a positive number, but is ${JSON.stringify(deviation)}`;
    throw new EvolveError('MODEL_INVALID', message, 'transformers takes 0.02 where nothing is said.');
  }

  /** Whether the checkpoint has the tensor. Where numbers are drawn there is no checkpoint. */
  has(name: string): boolean {
    return this.checkpoint?.tensors.has(this.#stored(name)) ?? false;
  }

  /**
   * An embedding `[vocabulary, hidden]`: `NAME.weight`. Of two tied layers a checkpoint may hold either alone.
   *
   * @param tiedTo the output layer that it is tied to
   */
  async embedding(name: string, shape: Shape, tiedTo?: string): Promise<EmbeddingSite> {
    const [own, other] = [`${name}.weight`, `${tiedTo}.weight`];
    const isElsewhere = tiedTo !== undefined && !this.has(own) && this.has(other);
    return new EmbeddingSite(name, await this.matrix(isElsewhere ? other : own, shape));
  }

  /**
   * A linear layer `[out, in]`: `NAME.weight`, and `NAME.bias` where it has one.
   *
   * @param layout in which the checkpoint keeps the weight
   */
  async linear(
    name: string,
    shape: Shape,
    hasBias = false,
    layout: LinearLayout = 'out-in',
  ): Promise<LinearSite> {
    const tensor = `${name}.weight`;
    const weight =
      layout === 'out-in' ? await this.matrix(tensor, shape) : await this.#transposed(tensor, shape);
    const bias = hasBias ? await this.vector(`${name}.bias`, shape[0]) : null;
    return new LinearSite(name, weight, bias, false, layout);
  }

  /** The weight `[out, in]` that the checkpoint keeps as `[in, out]`. */
  async #transposed(name: string, [out, columns]: Shape): Promise<DenseWeight> {
    const stored = await this.matrix(name, [columns, out]);
    // One that is missing stands for itself until `finish` tells.
    const shape = stored.byteLength === 0 ? stored.shape : ([out, columns] as const);
    return new DenseWeight(shape, stored.storage, transposed(stored));
  }

  /**
   * The output layer `[vocabulary, hidden]`: `NAME.weight`; or where it is tied to an embedding the weight of that, which
   * a checkpoint may hold once more.
   */
  async output(name: string, shape: Shape, tiedTo?: EmbeddingSite): Promise<LinearSite> {
    const tensor = `${name}.weight`;
    if (!tiedTo) return new LinearSite(name, await this.matrix(tensor, shape), null, true);
    if (this.has(tensor) && this.has(`${tiedTo.name}.weight`))
      this.#expectSame(await this.matrix(tensor, shape), tensor, tiedTo);
    return new LinearSite(name, tiedTo.weight, null, true);
  }

  /** A layer norm: `NAME.weight` and `NAME.bias`. */
  async layerNorm(name: string, size: number): Promise<LayerNormWeights> {
    const weight = await this.vector(`${name}.weight`, size);
    return { weight, bias: await this.vector(`${name}.bias`, size) };
  }

  /**
   * A frozen weight in the checkpoint's own type. Where it is missing, or of another shape, a weight `[0, 0]` stands for it
   * until `finish` tells: look at no weight before.
   */
  async matrix(name: string, shape: Shape): Promise<DenseWeight> {
    if (this.#breath.isDue) await this.#breath.take();
    if (!this.checkpoint) {
      const values = new Float32Array(shape[0] * shape[1]);
      const stream = this.request.random.stream(`init ${name}`);
      for (let at = 0; at < values.length; at += DRAWN_AT_ONCE) {
        stream.fillNormal(values.subarray(at, at + DRAWN_AT_ONCE), this.deviation);
        if (this.#breath.isDue) await this.#breath.take();
      }
      return new DenseWeight(shape, 'f32', new Uint8Array(values.buffer));
    }
    const info = this.#expect(this.checkpoint, name, shape);
    if (!info) return new DenseWeight([0, 0], 'f32', new Uint8Array());
    const stored = this.#stored(name);
    const { checkpoint } = this;
    return this.#reading(async () => {
      const later = await checkpoint.readLater?.(stored);
      return new DenseWeight(shape, info.type, later ?? (await checkpoint.read(stored)));
    });
  }

  /** A vector, such as the scale of a norm or a bias. */
  async vector(name: string, size: number): Promise<Vector> {
    const values = new Float32Array(size);
    if (this.checkpoint) {
      const { checkpoint } = this;
      const info = this.#expect(checkpoint, name, [size]);
      if (info)
        await this.#reading(async () =>
          decodeFloats(info.type, await checkpoint.read(this.#stored(name)), values),
        );
    } else if (!name.endsWith('.bias')) values.fill(1);
    const vector = tf.tidy(() => tf.variable(tf.tensor1d(values), false));
    this.vectors.set(name, vector);
    return vector;
  }

  /** @throws EvolveError that names every fault there was; the vectors read are then freed */
  finish(): void {
    for (const [name, { shape }] of this.checkpoint?.tensors ?? []) {
      if (this.#asked.has(name) || COMPUTED.test(name)) continue;
      this.#faults.push(
        `  the tensor ${name} [${shape}] has no place in the model that ${this.#settings} describes`,
      );
    }
    if (this.#faults.length === 0) return;
    tf.dispose([...this.vectors.values()]);
    const more = this.#faults.length > 10 ? [`… and ${this.#faults.length - 10} more`] : [];
    const message = `${this.checkpoint?.path}:\n${[...this.#faults.slice(0, 10), ...more].join('\n')}`;
    const advice = this.checkpoint?.files
      ? 'Download or copy the file again.'
      : 'config.json and the weights must be of one and the same model, and weights be floating-point numbers.';
    throw new EvolveError('MODEL_INVALID', message, advice);
  }

  /** That a tied output which the checkpoint holds is the embedding. What is mapped is compared where it lies. */
  #expectSame(own: DenseWeight, name: string, { weight }: EmbeddingSite): void {
    const isSame =
      weight instanceof DenseWeight &&
      own.storage === weight.storage &&
      Buffer.compare(own.bytes, weight.bytes) === 0;
    releasePages(own.bytes);
    if (isSame) return;
    const what = `the tensor ${name} is another than the embedding, to which tie_word_embeddings ties it`;
    this.#faults.push(`  ${what}: set that to false in config.json, or remove the tensor`);
  }

  /** Frees the vectors where reading fails, for then nobody else does. */
  async #reading<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      tf.dispose([...this.vectors.values()]);
      throw error;
    }
  }

  /** What says how large the tensors are. */
  get #settings(): string {
    return this.checkpoint?.files ? 'its metadata' : 'config.json';
  }

  /** The name in the checkpoint. */
  #stored(name: string): string {
    return name.startsWith(this.#leftOut) ? name.slice(this.#leftOut.length) : name;
  }

  #expect(checkpoint: Checkpoint, asked: string, shape: readonly number[]) {
    const name = this.#stored(asked);
    this.#asked.add(name);
    const info = checkpoint.tensors.get(name);
    if (!info) {
      this.#faults.push(`  the tensor ${name} [${shape}] is missing`);
      return undefined;
    }
    if (info.shape.join() !== shape.join()) {
      this.#faults.push(`  the tensor ${name} is [${info.shape}], but ${this.#settings} makes it [${shape}]`);
      return undefined;
    }
    if (info.fault !== undefined) {
      this.#faults.push(`  the tensor ${name} ${info.fault}`);
      return undefined;
    }
    return info;
  }
}

/** The bytes of the transpose. */
function transposed({ shape: [rows, columns], storage, bytes }: DenseWeight): Uint8Array {
  const Numbers = DENSE_TYPES[storage] === 4 ? Uint32Array : Uint16Array;
  // A copy: within a file the bytes may begin anywhere.
  const from = new Numbers(Uint8Array.from(bytes).buffer);
  const to = new Numbers(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) to[column * rows + row] = from[row * columns + column];
  return new Uint8Array(to.buffer);
}
