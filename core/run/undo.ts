import { tf } from '../base/tf.js';

/** Keeps the trained variables as they were before the last update. A run falls back to them if the update was bad. */
export class Undo {
  readonly #before = new Map<string, tf.Tensor>();
  #isUsed = false;

  constructor(private readonly variables: ReadonlyMap<string, tf.Variable>) {}

  /** Whether an update was taken back. What the optimizer keeps is then that of a later step than the variables. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** Call before an update. It copies nothing: an update gives a variable new numbers. */
  remember(): void {
    this.dispose();
    for (const [name, variable] of this.variables) this.#before.set(name, variable.clone());
  }

  /** Takes the last update back; false if there was none. */
  undo(): boolean {
    if (this.#before.size === 0) return false;
    for (const [name, value] of this.#before) this.variables.get(name)?.assign(value);
    this.dispose();
    this.#isUsed = true;
    return true;
  }

  /** Forgets. */
  dispose(): void {
    tf.dispose([...this.#before.values()]);
    this.#before.clear();
  }
}
