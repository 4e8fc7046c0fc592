import {
  deriveSeed,
  EvolveError,
  type LinearAdapter,
  type LinearSite,
  type LowRank,
  loraLinear,
  type Pass,
  type Random,
  tf,
} from '../../../core/index.js';
import type { LoraOptions } from './options.js';

/** The low-rank branch of one linear layer: `a` `[r, in]` and `b` `[out, r]`, both trainable. */
export class LoraLayer implements LinearAdapter {
  readonly a: tf.Variable<tf.Rank.R2>;
  readonly b: tf.Variable<tf.Rank.R2>;
  readonly #scaling: number;

  /** Starts as PEFT does: `a` Kaiming-uniform with a = √5, which is uniform within ±1/√in; `b` zero. */
  constructor(
    site: LinearSite,
    readonly options: LoraOptions,
    random: Random,
  ) {
    const [out, columns] = site.weight.shape;
    const bound = 1 / Math.sqrt(columns);
    const { r, alpha, useRslora } = options;
    if (r > Math.max(out, columns)) {
      const message = `adapter.r is ${r}, but ${site.name} is [${out},${columns}]: a rank above both changes nothing more`;
      throw new EvolveError('ADAPTER_INVALID', message, 'Lower adapter.r.', { at: ['adapter', 'r'] });
    }
    this.#scaling = alpha / (useRslora ? Math.sqrt(r) : r);
    this.a = variable(random.uniform(r * columns, -bound, bound), [r, columns]);
    this.b = variable(new Float32Array(out * r), [out, r]);
  }

  /** scaling · B A */
  mergeInto(rows: Float32Array, start: number, end: number): void {
    const { r } = this.options;
    const delta = tf.tidy(() => {
      const b = tf.slice(this.b as tf.Tensor2D, [start, 0], [end - start, r]);
      return tf.matMul(tf.mul(b, this.#scaling), this.a as tf.Tensor2D).dataSync();
    });
    for (let i = 0; i < rows.length; i++) rows[i] += delta[i];
  }

  lowRank(): LowRank {
    const [a, b] = [this.a, this.b].map((variable) => variable.dataSync() as Float32Array);
    return { rank: this.options.r, scale: this.#scaling, a, b };
  }

  forward(x: tf.Tensor2D, site: LinearSite, pass: Pass): tf.Tensor2D {
    const { dropout } = this.options;
    return loraLinear(x, site.weight, site.bias, {
      a: this.a as tf.Tensor2D,
      b: this.b as tf.Tensor2D,
      scaling: this.#scaling,
      dropout: pass.training ? dropout : 0,
      seed: deriveSeed(pass.seed, site.name),
    });
  }
}

function variable(values: Float32Array, shape: [number, number]): tf.Variable<tf.Rank.R2> {
  const initial = tf.tensor2d(values, shape);
  const made = tf.variable(initial);
  initial.dispose();
  return made;
}
