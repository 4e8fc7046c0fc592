import type { Peer } from './python.js';
import { median } from './statistics.js';

/** What PyTorch can compute in. */
export const PRECISIONS = ['bf16', 'f32'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** A product of moderate size: where a CPU has no instructions for bf16, PyTorch's bf16 is several times as slow as its f32. */
const SHAPE = { tokens: 256, columns: 576, out: 1536 };

/** The precision in which PyTorch is faster here, by a linear layer: what its side of the bench computes in. */
export async function fasterPrecision(peer: Peer, say: (line: string) => void): Promise<Precision> {
  const speeds: number[] = [];
  for (const dtype of PRECISIONS) {
    const options = { name: 'linear', repeats: 5, dtype, ...SHAPE };
    const { forward } = await peer.ask<{ forward: number[] }>('operation', options);
    speeds.push((2 * SHAPE.tokens * SHAPE.columns * SHAPE.out) / median(forward) / 1e9);
  }
  const faster = PRECISIONS[speeds[0] >= speeds[1] ? 0 : 1];
  const told = PRECISIONS.map((dtype, i) => `${dtype} ${speeds[i].toFixed(0)}`).join(', ');
  say(`PyTorch computes in ${faster}, in which it is faster on this CPU (GFLOP/s: ${told})`);
  return faster;
}
