/** What is measured on the card, and how large it is. python/gpu.py has the same shapes. */

import type { Unit } from '../bench/table.js';

export interface Llama {
  readonly hidden: number;
  readonly wide: number;
  readonly heads: number;
  readonly layers: number;
  readonly vocabulary: number;
}

const isSmall = process.env.EVOLVE_GPU_EMULATED === '1';

export const LLAMA_7B: Llama = isSmall
  ? { hidden: 128, wide: 192, heads: 2, layers: 2, vocabulary: 3072 }
  : { hidden: 4096, wide: 11008, heads: 32, layers: 32, vocabulary: 32000 };
export const LLAMA_30B: Llama = isSmall
  ? { hidden: 128, wide: 192, heads: 2, layers: 3, vocabulary: 3072 }
  : { hidden: 6656, wide: 17920, heads: 52, layers: 60, vocabulary: 32000 };
/** `[rows, in, out]` of a linear layer. */
export const LINEARS: [number, number, number][] = isSmall
  ? [[40, 64, 128]]
  : [
      [2048, 4096, 4096],
      [2048, 4096, 11008],
    ];
/** The same of products that own kernels and cublasLt compute, from small ones, of a 135M, to those of a 7B. */
export const PRODUCTS: [number, number, number][] = isSmall
  ? [[40, 64, 128]]
  : [64, 256, 1024, 4096].flatMap((rows): [number, number, number][] => [
      [rows, 576, 1536],
      [rows, 2048, 2048],
      [rows, 4096, 4096],
      [rows, 4096, 11008],
    ]);
export const TRAINING = isSmall ? { rows: 2, cutoff: 96, steps: 2 } : { rows: 4, cutoff: 512, steps: 6 };
export const DECODING = isSmall
  ? { prompt: 8, tokens: 4, texts: [1, 3] }
  : { prompt: 64, tokens: 48, texts: [1, 32] };
/** Steps in which losses are compared. */
export const LOSS_STEPS = isSmall ? 2 : 20;
export const REPEATS = isSmall ? 1 : 30;

const UNITS: Readonly<Record<string, Unit>> = {
  speed: 'tokens/s',
  memory: 'bytes',
  GFLOP: 'GFLOP/s',
  apart: '×',
  seconds: 's',
};

interface Part {
  readonly name: string;
  readonly seconds: number;
  /** Our own part that it is held to; PyTorch and PEFT where there is none. */
  readonly peer?: string;
}

/** Each is a process of its own, on either side, with so many seconds. */
const ALL: readonly Part[] = [
  { name: 'linear', seconds: 40 },
  { name: 'products', seconds: 30, peer: 'products-cublaslt' },
  { name: 'train-bf16', seconds: 70 },
  { name: 'train-int8', seconds: 50 },
  { name: 'train-nf4', seconds: 60 },
  { name: 'decode-bf16', seconds: 50 },
  { name: 'decode-int8', seconds: 40 },
  { name: 'losses', seconds: 40 },
  { name: 'train-30b-int8', seconds: 90 },
];
export const PARTS = ALL.map((part) => ({ ...part, units: UNITS }));
