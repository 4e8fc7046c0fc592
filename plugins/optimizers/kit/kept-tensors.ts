import { type SavedState, tf } from '../../../core/index.js';

/** What an optimizer keeps of each variable from one update to the next: tensors of the variable's shape, zero at first. */
export class KeptTensors {
  readonly #tensors = new Map<string, tf.Tensor>();

  /** @param kinds what there is of each variable: `mean`, `square`, … */
  constructor(variables: ReadonlyMap<string, tf.Variable>, kinds: readonly string[]) {
    for (const kind of kinds)
      for (const [name, variable] of variables) this.#tensors.set(`${kind} ${name}`, tf.zerosLike(variable));
  }

  /** @throws RangeError if there is no such variable */
  get(kind: string, name: string): tf.Tensor {
    const tensor = this.#tensors.get(`${kind} ${name}`);
    if (!tensor) throw new RangeError(`the optimizer has no variable "${name}"`);
    return tensor;
  }

  /** Takes `tensor` over; the one before it is freed. */
  set(kind: string, name: string, tensor: tf.Tensor): void {
    this.get(kind, name).dispose();
    this.#tensors.set(`${kind} ${name}`, tensor);
  }

  /** As `Optimizer.state` has it. */
  state(numbers: Readonly<Record<string, number>> = {}): SavedState {
    return { numbers, tensors: this.#tensors };
  }

  /** Copies what `state` holds. @throws RangeError if it is of other variables */
  restore({ tensors }: SavedState): void {
    const [own, kept] = [this.#tensors, tensors].map((map) =>
      Array.from(map, ([name, { shape }]) => `${name} [${shape}]`).sort(),
    );
    const missing = own.find((entry) => !kept.includes(entry)) ?? kept.find((entry) => !own.includes(entry));
    if (missing) throw new RangeError(`the state is of other variables: only one of both has ${missing}`);
    for (const [entry, tensor] of tensors) {
      this.#tensors.get(entry)?.dispose();
      this.#tensors.set(entry, tensor.clone());
    }
  }

  dispose(): void {
    tf.dispose([...this.#tensors.values()]);
    this.#tensors.clear();
  }
}
