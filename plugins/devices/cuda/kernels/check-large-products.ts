/** Before cublasLt is used, products of known numbers are computed by it and by own kernels, and must be equal to the last bit. */

import { encodeFloats, messageOf, Random } from '../../../../core/index.js';
import { BF16, type DeviceArray, F32, type FloatType } from '../backend.js';
import type { Cuda } from './kit.js';
import type { LargeProducts } from './large-products.js';
import { multiply, type ProductOptions } from './products.js';

interface Case {
  readonly isBTransposed: boolean;
  readonly aType: FloatType;
  readonly cType: FloatType;
  readonly hasBias: boolean;
}

/** Forward and backward, of and to either type. */
const CASES: readonly Case[] = [
  { isBTransposed: false, aType: BF16, cType: BF16, hasBias: true },
  { isBTransposed: false, aType: F32, cType: F32, hasBias: true },
  { isBTransposed: true, aType: F32, cType: BF16, hasBias: false },
  { isBTransposed: true, aType: BF16, cType: F32, hasBias: false },
];
const [M, N, K] = [64, 128, 96];

/** @returns what is wrong with it, or undefined */
export function faultOf(cuda: Cuda, largeProducts: LargeProducts): string | undefined {
  try {
    const isRight = CASES.every((each) => isSame(cuda, largeProducts, each));
    return isRight ? undefined : 'what it computes differs from what own kernels do';
  } catch (error) {
    return messageOf(error);
  } finally {
    cuda.backend.pool.trim();
  }
}

function isSame(
  cuda: Cuda,
  largeProducts: LargeProducts,
  { isBTransposed, aType, cType, hasBias }: Case,
): boolean {
  const { backend } = cuda;
  const bytes = M * N * (cType === F32 ? 4 : 2);
  return withNumbers(cuda, M * K, aType, (left) =>
    withNumbers(cuda, N * K, BF16, (right) =>
      withNumbers(cuda, N, F32, (offsets) => {
        const [a, b] = [{ array: left }, { array: right, isTransposed: isBTransposed }];
        const [shape, factor] = [{ m: M, n: N, k: K }, 0.5];
        const bias = hasBias ? offsets.pointer : null;
        const resultOf = (compute: (c: Pick<DeviceArray, 'pointer' | 'type'>) => void): Uint8Array =>
          backend.withWorkspace(bytes, (pointer) => {
            const { addon } = backend.driver;
            const result = new Uint8Array(bytes);
            // What the other one has left there is no result.
            addon.clear(pointer, bytes);
            compute({ pointer, type: cType });
            addon.download(result, pointer);
            return result;
          });
        const theirs = resultOf((c) => {
          if (!largeProducts.compute({ a, b, c, ...shape, factor, bias }))
            throw new Error('it has no algorithm');
        });
        const options: ProductOptions = { compute: BF16, factor, bias };
        const ours = resultOf((c) => multiply({ backend }, a, b, c, shape, options));
        return Buffer.from(theirs).equals(ours);
      }),
    ),
  );
}

/**
 * `use` gets numbers of -1, 0 and 1, other ones for each count: their sums have no error in any order, and none in bf16.
 */
function withNumbers<T>(
  { backend }: Cuda,
  count: number,
  type: FloatType,
  use: (array: Pick<DeviceArray, 'pointer' | 'type'>) => T,
): T {
  // No zero has a sign.
  const numbers = new Random(count).uniform(count, -1.5, 1.5).map((number) => Math.round(number) + 0);
  const stored = type === F32 ? numbers : encodeFloats('bf16', numbers);
  return backend.withWorkspace(stored.byteLength, (pointer) => {
    backend.driver.addon.upload(pointer, stored);
    return use({ pointer, type });
  });
}
