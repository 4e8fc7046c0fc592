/** The addon as TypeScript sees it: functions that read typed arrays and write into typed arrays. */

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { outOfMemory } from '../../../core/index.js';
import { type BuildReport, buildFolder } from '../kit/build-report.js';
import { memoryOf } from './memory.js';

/** A frozen weight as the kernels take it; opaque. */
export type WeightHandle = object & { readonly native: unique symbol };

/** a `[rank, in]`, b `[out, rank]`, rank, scaling, dropout, seed. */
export type Branch = [
  a: Float32Array,
  b: Float32Array,
  rank: number,
  scaling: number,
  dropout: number,
  seed: number,
];

/** Sequences as the attention kernels take them. */
export type AttentionShape = [
  tokens: number,
  heads: number,
  kvHeads: number,
  headDim: number,
  scale: number,
  compute: number,
  offsets: Int32Array,
  prefixes: Int32Array | null,
  slopes: Float32Array | null,
];

type F = Float32Array;
type Optional = Float32Array | null;

/** src/addon/ says what each function takes and gives; src/kernels.hpp says what it does, with the shapes. */
export interface Addon {
  isas(): string[];
  open(isa: string | null, threads: number): string;
  scratchMemory(): number;
  mapFile(file: string, start: number, length: number): ArrayBuffer;
  releasePages(bytes: Uint8Array): undefined;
  makeWeight(
    storage: number,
    rows: number,
    columns: number,
    data: Uint8Array,
    scales: Optional,
    scaleCodes: Uint8Array | null,
    nestedScales: Optional,
    codebook: Optional,
    offset: number,
  ): WeightHandle;
  linear(
    x: F,
    id: number,
    tokens: number,
    weight: WeightHandle,
    compute: number,
    outlier: number,
    bias: Optional,
    y: F,
    ...branch: Branch | []
  ): void;
  linearInputGradient(
    dy: F,
    tokens: number,
    weight: WeightHandle,
    compute: number,
    outlier: number,
    dx: F,
    ...branch: Branch | []
  ): void;
  branchGradient(
    x: F,
    dy: F,
    tokens: number,
    inputs: number,
    outputs: number,
    da: F,
    db: F,
    ...branch: Branch
  ): void;
  product(
    a: F,
    aOffset: number,
    transposeA: number,
    b: F,
    bOffset: number,
    transposeB: number,
    m: number,
    n: number,
    k: number,
    c: F,
    cOffset: number,
  ): void;
  attention(q: F, k: F, v: F, y: F, logSums: F, sequences: number, ...shape: AttentionShape): void;
  attentionGradient(
    q: F,
    k: F,
    v: F,
    y: F,
    dy: F,
    logSums: F,
    dq: F,
    dk: F,
    dv: F,
    sequences: number,
    ...shape: AttentionShape
  ): void;
  cachedAttention(
    q: F,
    k: F,
    v: F,
    y: Optional,
    pasts: Int32Array,
    blocks: Int32Array,
    starts: Int32Array,
    slabs: readonly F[],
    slabBlocks: number,
    blockTokens: number,
    sequences: number,
    ...shape: AttentionShape
  ): void;
  linearCrossEntropy(
    x: F,
    tokens: number,
    weight: WeightHandle,
    compute: number,
    bias: Optional,
    labels: Int32Array,
    dx: Optional,
    dw: Optional,
    losses: F,
    pieceBytes: number,
  ): number;
  logProbabilities(logits: F, tokens: number, vocabulary: number, labels: Int32Array, y: F, logSums: F): void;
  logProbabilitiesGradient(
    logits: F,
    logSums: F,
    dy: F,
    tokens: number,
    vocabulary: number,
    labels: Int32Array,
    dlogits: F,
  ): void;
  rmsNorm(x: F, weight: F, rows: number, columns: number, epsilon: number, y: F): void;
  rmsNormGradient(
    x: F,
    weight: F,
    dy: F,
    rows: number,
    columns: number,
    epsilon: number,
    dx: F,
    dweight: Optional,
  ): void;
  layerNorm(x: F, weight: F, bias: F, rows: number, columns: number, epsilon: number, y: F): void;
  layerNormGradient(
    x: F,
    weight: F,
    dy: F,
    rows: number,
    columns: number,
    epsilon: number,
    dx: F,
    dweight: Optional,
    dbias: Optional,
  ): void;
  swiglu(gate: F, up: F, size: number, y: F): void;
  swigluGradient(gate: F, up: F, dy: F, size: number, dgate: F, dup: F): void;
  gelu(x: F, size: number, y: F): void;
  geluGradient(x: F, dy: F, size: number, dx: F): void;
  rotary(
    x: F,
    cos: F,
    sin: F,
    tokens: number,
    heads: number,
    headDim: number,
    parts: number,
    sign: number,
    y: F,
  ): void;
  dropout(x: F, size: number, rate: number, seed: number, y: F): void;
  embedding(ids: Int32Array, count: number, weight: WeightHandle, y: F): void;
  copyColumns(
    x: F,
    xColumns: number,
    xAt: number,
    rows: number,
    width: number,
    y: F,
    yColumns: number,
    yAt: number,
  ): void;
  addRow(x: F, row: F, rows: number, columns: number, y: F): void;
  columnSums(x: F, rows: number, columns: number, y: F): void;
  add(a: F, b: F, size: number, y: F): void;
  scale(x: F, size: number, factor: number, y: F): void;
  sumOfSquares(x: F, size: number): number;
  adamw(
    value: F,
    gradient: F,
    mean: F,
    square: F,
    size: number,
    learningRate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    weightDecay: number,
    gradientScale: number,
    step: number,
    newValue: F,
    newMean: F,
    newSquare: F,
  ): void;
  decode(weight: WeightHandle, start: number, end: number, target: F): void;
  quantizeInt8(weight: WeightHandle, values: Int8Array, scales: F): number;
  quantizeNf4(weight: WeightHandle, middles: F, codes: Uint8Array, absmax: F): boolean;
  quantizeDynamic(values: F, count: number, middles: F, codes: Uint8Array, absmax: F): void;
  decodeBlocks(
    type: number,
    source: Uint8Array,
    order: Int32Array | null,
    rows: number,
    columns: number,
    target: Uint8Array,
  ): boolean;
}

/** The addon, or in one phrase why there is none, and what would help. */
export function loadAddon(): Addon | { reason: string } {
  const folder = buildFolder(process.env.EVOLVE_SANITIZE);
  const file = path.join(folder, 'evolve.node');
  if (existsSync(file)) {
    try {
      return tellingMemory(createRequire(import.meta.url)(file) as Addon);
    } catch (error) {
      return { reason: `its addon does not load: ${(error as Error).message}; run npm rebuild` };
    }
  }
  const report = path.join(folder, 'build.json');
  if (!existsSync(report)) {
    return {
      reason: 'its addon was not built when this was installed; allow install scripts and run npm rebuild',
    };
  }
  const { reason, advice } = JSON.parse(readFileSync(report, 'utf8')) as BuildReport;
  return { reason: `${reason?.split('\n')[0].replace(/:$/, '')}. ${advice}` };
}

/** The addon's functions; memory that one of them cannot have is told as a person can act on it. */
function tellingMemory(addon: Addon): Addon {
  const functions = Object.entries(addon).map(([name, call]: [string, (...args: unknown[]) => unknown]) => {
    const guarded = (...args: unknown[]) => {
      try {
        return call(...args);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        throw code === 'ERR_OUT_OF_MEMORY' ? outOfMemory(message, memoryOf(`the kernel ${name}`)) : error;
      }
    };
    return [name, guarded];
  });
  return Object.fromEntries(functions);
}
