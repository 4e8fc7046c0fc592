import { createHash } from 'node:crypto';
import type { tf } from '../../base/tf.js';

/** By names: what values are known by. Equal values have equal digests. */
export type Digests = Record<string, string>;

/** Of trained variables, one at a time: a model that is trained as a whole does not fit into memory twice. */
export async function digestsOf(variables: ReadonlyMap<string, tf.Variable>): Promise<Digests> {
  const digests: Digests = {};
  for (const [name, variable] of variables) digests[name] = digestOf(await variable.data<'float32'>());
  return digests;
}

export function digestOf(values: Float32Array): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
}
