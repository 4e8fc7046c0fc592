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

  /**
   * Copies the tensors of `state`, which may be its own.
   *
   * @param names of the numbers that the optimizer takes from the state
   * @throws RangeError if the state is of other variables, or has not just these numbers; then nothing is changed
   */
  restore({ numbers, tensors }: SavedState, names: readonly string[] = []): void {
    const [own, kept] = [this.#tensors, tensors].map((map) =>
      Array.from(map, ([name, { shape }]) => `${name} [${shape}]`).sort(),
    );
    const missing = own.find((entry) => !kept.includes(entry)) ?? kept.find((entry) => !own.includes(entry));
    if (missing) throw new RangeError(`the state is of other variables: only one of both has ${missing}`);
    for (const name of names) {
      if (Number.isFinite(numbers[name])) continue;
      throw new RangeError(`the state's number "${name}" must be finite, but is ${numbers[name]}`);
    }
    const unknown = Object.keys(numbers).find((name) => !names.includes(name));
    if (unknown !== undefined) throw new RangeError(`the state is of another optimizer: it has "${unknown}"`);
    const copies = Array.from(tensors, ([entry, tensor]) => [entry, tensor.clone()] as const);
    for (const [entry, copy] of copies) {
      this.#tensors.get(entry)?.dispose();
      this.#tensors.set(entry, copy);
    }
  }

  dispose(): void {
    tf.dispose([...this.#tensors.values()]);
    this.#tensors.clear();
  }
}
