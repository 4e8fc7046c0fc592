/** The addon as TypeScript sees it: the CUDA driver, in the order of one stream. src/addon/addon.cpp says what each does. */

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { type BuildReport, buildFolder } from '../kit/build-report.js';

/** Where something lies on the card. */
export type Pointer = number;
export type KernelHandle = number & { readonly kernel: unique symbol };
type Module = number & { readonly module: unique symbol };

export interface Card {
  readonly name: string;
  /** 10 × major + minor: 80 is sm_80. */
  readonly capability: number;
  readonly multiprocessors: number;
}

export interface Addon {
  open(library: string): { readonly version: number; readonly count: number };
  describe(index: number): Card;
  use(index: number): void;
  memory(): { readonly free: number; readonly total: number };
  /** 0 where the card has no such memory left. */
  allocate(bytes: number): Pointer;
  release(pointer: Pointer): void;
  upload(pointer: Pointer, array: ArrayBufferView): void;
  download(array: ArrayBufferView, pointer: Pointer): void;
  copy(target: Pointer, source: Pointer, bytes: number): void;
  clear(pointer: Pointer, bytes: number): void;
  load(ptx: string): Module;
  find(module: Module, name: string): KernelHandle;
  launch(kernel: KernelHandle, x: number, y: number, z: number, threads: number, slots: Int32Array): void;
  synchronize(): void;
  openCublasLt(library: string): { readonly version: number; readonly file: string };
  startCublasLt(): void;
  closeCublasLt(): void;
  /** Writes the 64 bytes of an algorithm. @returns the bytes of its workspace, or -1 where there is none */
  findAlgorithm(
    algorithm: Uint8Array,
    mostWorkspaceBytes: number,
    alignment: number,
    ...description: ProductDescription
  ): number;
  multiply(
    algorithm: Uint8Array,
    a: Pointer,
    b: Pointer,
    c: Pointer,
    factor: number,
    workspace: Pointer,
    workspaceBytes: number,
    ...description: ProductDescription
  ): void;
}

/** A product as src/addon/cublaslt.hpp takes it. A number that is not 0 says yes. */
export type ProductDescription = readonly [
  m: number,
  n: number,
  k: number,
  isATransposed: number,
  isBTransposed: number,
  isCInFp32: number,
  bias: Pointer | null,
];

/** An error of the driver: `code` is its name there. */
export interface DriverError extends Error {
  readonly code: string;
}

/** The driver's name of an error that it answered with, or undefined for any other error. */
export function driverCode(error: unknown): string | undefined {
  const { code } = error as Partial<DriverError>;
  return typeof code === 'string' && code.startsWith('CUDA_') ? code : undefined;
}

/** The addon, or why there is none. */
export function loadAddon(): Addon | { reason: string } {
  const folder = buildFolder();
  const file = path.join(folder, 'cuda.node');
  if (existsSync(file)) {
    try {
      return createRequire(import.meta.url)(file) as Addon;
    } catch (error) {
      return { reason: `its addon does not load: ${(error as Error).message}; run npm rebuild` };
    }
  }
  const report = path.join(folder, 'cuda.json');
  if (!existsSync(report)) {
    return {
      reason: 'its addon was not built when this was installed; allow install scripts and run npm rebuild',
    };
  }
  const { reason, advice } = JSON.parse(readFileSync(report, 'utf8')) as BuildReport;
  return { reason: `${reason?.split('\n')[0].replace(/:$/, '')}. ${advice}` };
}
