/**
 * How much memory of a card a LoRA run takes: `node .build/test/gpu/plan.js` prints it for LLaMA 7B, 13B and 30B at a cutoff of 512
 * tokens, with gradient checkpointing. plan.test.ts holds the figures to what the device asks for on smaller shapes.
 */

import { fileURLToPath } from 'node:url';
import type { Llama } from './shapes.js';

export interface Job extends Llama {
  readonly storage: string;
  readonly rows: number;
  readonly cutoff: number;
  readonly steps: number;
}

/** Bytes, by what they are for. */
export interface Plan {
  readonly weights: number;
  readonly adapter: number;
  readonly checkpoints: number;
  readonly layer: number;
  readonly output: number;
  readonly total: number;
}

/** Bytes of a number; int8 and nf4 have their scales beside. */
const BYTES: Readonly<Record<string, number>> = { bf16: 2, int8: 1, nf4: 0.5 + 1 / 64 };
const [F32, BF16] = [4, 2];
/** As plugins/devices/cuda/kernels/loss.ts has it. */
const LOGITS = 256 * 2 ** 20;

/** LoRA of rank 8 on q_proj and v_proj. */
export function plan({ hidden, wide, layers, vocabulary, heads, storage, rows, cutoff }: Job): Plan {
  const tokens = rows * cutoff;
  const matrices = layers * (4 * hidden * hidden + 3 * hidden * wide);
  // Embedding and output layer stay as the checkpoint has them.
  const weights = matrices * BYTES[storage] + 2 * vocabulary * hidden * BF16;
  // Value, gradient, mean and square, of which the optimizer makes new ones while it reads the old.
  const adapter = layers * 4 * 8 * hidden * F32 * 7;
  const checkpoints = (layers + 1) * tokens * hidden * F32;
  // Forward again and back through one layer: norms, q, k, v, attention with its gradients; gate, up, their product, their gradients.
  const decoded = storage === 'bf16' ? 0 : Math.max(hidden * wide, hidden * hidden) * BF16;
  const layer = tokens * (hidden * (6 * F32 + 10 * BF16) + 5 * wide * BF16 + heads * 2 * F32) + decoded;
  const output = Math.min(LOGITS, tokens * vocabulary * 6) + tokens * hidden * (F32 + BF16);
  // Layers and output layer take turns, but the pool keeps what has been used in other sizes.
  const total = weights + adapter + checkpoints + layer + output;
  return { weights, adapter, checkpoints, layer, output, total };
}

const SHAPES = {
  '7B': { hidden: 4096, wide: 11008, heads: 32, layers: 32, vocabulary: 32000 },
  '13B': { hidden: 5120, wide: 13824, heads: 40, layers: 40, vocabulary: 32000 },
  '30B': { hidden: 6656, wide: 17920, heads: 52, layers: 60, vocabulary: 32000 },
};

function print(): void {
  console.log('LoRA r 8 on q_proj and v_proj, gradient checkpointing, 512 tokens a row; GiB of the card');
  console.log(['model', 'storage', 'rows', 'weights', 'all'].map((head) => head.padEnd(9)).join(''));
  for (const [name, shape] of Object.entries(SHAPES)) {
    for (const storage of ['bf16', 'int8', 'nf4']) {
      for (const rows of [1, 4]) {
        const { weights, total } = plan({ ...shape, storage, rows, cutoff: 512, steps: 1 });
        const cells = [name, storage, rows, ...[weights, total].map((bytes) => (bytes / 2 ** 30).toFixed(1))];
        console.log(cells.map((cell) => String(cell).padEnd(9)).join(''));
      }
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) print();
