/**
 * Gradients of a model's variables in little memory. TensorFlow.js records what is computed on a tape, and walks it backwards.
 * Its own walk keeps every saved tensor and every gradient until it is done. This walk frees both as soon as they have been
 * used. It also knows checkpoints: parts that keep only their input, and are computed again.
 *
 *     const { loss, gradients } = variableGradients(() => model.loss(batch, pass), model.trainable);
 *     const y = checkpoint((input) => layer(input), x);    // within the loss
 */

import { EvolveError } from '../base/errors.js';
import { tf } from '../base/tf.js';

type EngineState = ReturnType<typeof tf.engine>['state'];
type Layer = (x: tf.Tensor2D) => tf.Tensor2D;

/** An operation that was computed, with the tensors that its gradient needs. */
interface TapeNode extends Readonly<EngineState['activeTape'][number]> {
  /** For a checkpoint: computes its output again. */
  readonly recompute?: Layer | undefined;
}

/** Gradients by the id of their tensor. */
type Accumulated = Map<number, tf.Tensor>;

/** The tapes of this module. They understand checkpoints. */
const tapes = new WeakSet<TapeNode[]>();

/**
 * The value of `f`, and its gradients by the variables, under their names: bit for bit what `tf.variableGrads` yields. Tensors
 * that `f` makes outside of any `tf.tidy` live until the gradients are there, so that checkpoints may use them. Of those made
 * within a tidy, only what a gradient needs outlives it.
 *
 * @throws EvolveError NO_GRADIENT if no gradient reaches a variable
 */
export function variableGradients(
  f: () => tf.Scalar,
  variables: ReadonlyMap<string, tf.Variable>,
): { loss: tf.Scalar; gradients: Map<string, tf.Tensor> } {
  const names = [...variables.keys()];
  const [loss, ...gradients] = tf.tidy(() => {
    const { y, tape } = record(f);
    const found: Accumulated = new Map([[y.id, tf.onesLike(y)]]);
    const ids = Array.from(variables.values(), (variable) => variable.id);
    withTape(null, () => walkBack(tape, y.id, new Set(ids), found));
    return [y, ...ids.map((id, i) => found.get(id) ?? unreached(names[i]))];
  });
  return { loss: loss as tf.Scalar, gradients: new Map(names.map((name, i) => [name, gradients[i]])) };
}

/**
 * `f(x)`, of which only `x` is kept: the gradient pass computes `f` again when it gets there (gradient checkpointing, arXiv
 * 1604.06174). `f` must yield the same again, and may be differentiated by its argument and by variables only. If
 * `variableGradients` does not record, as in evaluation, this just calls `f`.
 */
export function checkpoint(f: Layer, x: tf.Tensor2D): tf.Tensor2D {
  const { state } = tf.engine();
  const tape: TapeNode[] = state.activeTape;
  const isRecording = state.gradientDepth > 0 && state.kernelDepth === 0;
  if (!isRecording || !tapes.has(tape)) return tf.tidy(() => f(x));
  const [y, kept] = withTape(null, () => [tf.tidy(() => f(x)), tf.keep(x.clone())]);
  tape.push({
    id: state.nextTapeNodeId++,
    kernelName: 'Checkpoint',
    inputs: { x },
    outputs: [y],
    saved: [kept],
    recompute: f,
  });
  return y;
}

/** Runs `f` with its operations recorded. */
function record<T extends tf.Tensor>(f: () => T): { y: T; tape: TapeNode[] } {
  const tape: TapeNode[] = [];
  tapes.add(tape);
  try {
    return { y: withTape(tape, f), tape };
  } catch (error) {
    tape.forEach(release);
    throw error;
  }
}

/** Runs `f` while TensorFlow.js records on `tape`; null records nothing. */
function withTape<T>(tape: TapeNode[] | null, f: () => T): T {
  const { state } = tf.engine();
  const { activeTape, gradientDepth } = state;
  Object.assign(state, { activeTape: tape, gradientDepth: tape ? 1 : 0 });
  try {
    return f();
  } finally {
    Object.assign(state, { activeTape, gradientDepth });
  }
}

/** Goes from the gradient of `y`, which `gradients` holds, to those of the targets. It uses up the tape. */
function walkBack(tape: TapeNode[], y: number, targets: ReadonlySet<number>, gradients: Accumulated): void {
  try {
    const path = pathsBetween(tape, targets, y);
    for (const node of tape) if (!path.has(node)) release(node);
    if (path.size === 0 && !targets.has(y)) take(gradients, y)?.dispose();
    for (const [node, inputs] of [...path].reverse()) {
      const dys = node.outputs.map((output) => take(gradients, output.id) ?? null);
      const dxs = node.recompute
        ? recomputed(node, node.recompute, inputs, dys[0] as tf.Tensor, targets, gradients)
        : gradientsOf(node, inputs, dys);
      tf.dispose(dys.filter((dy) => dy !== null));
      release(node);
      for (const [i, name] of inputs.entries()) accumulate(gradients, node.inputs[name].id, dxs[i]);
    }
  } finally {
    tape.forEach(release);
  }
}

/** The nodes through which `y` depends on a target, in the tape's order, each with those of its inputs that do. */
function pathsBetween(tape: TapeNode[], targets: ReadonlySet<number>, y: number): Map<TapeNode, string[]> {
  const path = new Map<TapeNode, string[]>();
  const fromTargets = new Set(targets);
  for (const node of tape) {
    const inputs = Object.keys(node.inputs).filter((name) => fromTargets.has(node.inputs[name].id));
    // The variables that a checkpoint uses are not known before it is computed again.
    if (inputs.length === 0 && !node.recompute) continue;
    path.set(node, inputs);
    for (const output of node.outputs) fromTargets.add(output.id);
  }
  const leadingToY = new Set([y]);
  for (const node of [...tape].reverse()) {
    if (!node.outputs.some((output) => leadingToY.has(output.id))) path.delete(node);
    else for (const input of Object.values(node.inputs)) leadingToY.add(input.id);
  }
  return path;
}

/** The gradients by some inputs of a node, from those by its outputs (null if an output leads nowhere). */
function gradientsOf(node: TapeNode, inputs: string[], dys: (tf.Tensor | null)[]): tf.Tensor[] {
  const { kernelName, gradient } = node;
  if (!gradient) throw new Error(`the operation ${kernelName} has no gradient`);
  return tf.tidy(() => {
    const thunks = gradient(dys as tf.Tensor[]);
    const newest = Math.max(...dys.map((dy) => dy?.id ?? 0));
    const taken = new Set<tf.Tensor>();
    return inputs.map((name) => {
      if (!thunks[name]) throw new Error(`the gradient of ${kernelName} by its input "${name}" is missing`);
      const found = tf.tidy(() => thunks[name]());
      const { shape } = node.inputs[name];
      if (found.dtype !== 'float32' || !tf.util.arraysEqual(found.shape, shape)) {
        const message = `the gradient of ${kernelName} by its input "${name}" is ${found.dtype} [${found.shape}]`;
        throw new Error(`${message}, but must be float32 [${shape}]`);
      }
      // It may be dy itself, a saved tensor or another input's gradient, which are freed on their own.
      const dx = found.id <= newest || taken.has(found) ? found.clone() : found;
      taken.add(dx);
      return dx;
    });
  });
}

/** The same as `gradientsOf` for a checkpoint. The gradients of its variables go straight to `gradients`. */
function recomputed(
  node: TapeNode,
  f: Layer,
  inputs: string[],
  dy: tf.Tensor,
  targets: ReadonlySet<number>,
  gradients: Accumulated,
): tf.Tensor[] {
  const [x] = node.saved as [tf.Tensor2D];
  const { y, tape } = record(() => tf.tidy(() => f(x)));
  gradients.set(y.id, dy.clone());
  if (y !== x) y.dispose();
  walkBack(tape, y.id, inputs.length > 0 ? new Set([...targets, x.id]) : targets, gradients);
  return inputs.map(() => take(gradients, x.id) ?? tf.zerosLike(x));
}

function accumulate(gradients: Accumulated, id: number, dx: tf.Tensor): void {
  const before = gradients.get(id);
  gradients.set(id, before ? tf.add(before, dx) : dx);
  if (before) tf.dispose([before, dx]);
}

function take(gradients: Accumulated, id: number): tf.Tensor | undefined {
  const gradient = gradients.get(id);
  gradients.delete(id);
  return gradient;
}

/** Frees what a node saved. A second call does nothing. */
function release(node: TapeNode): void {
  tf.dispose(node.saved ?? []);
}

function unreached(name: string): never {
  throw new EvolveError(
    'NO_GRADIENT',
    `no gradient reaches the trainable parameter ${name}`,
    'The loss must be computed from what the model gives: look at the objective, at taps of the hook "loss", and at the adapter.',
  );
}
