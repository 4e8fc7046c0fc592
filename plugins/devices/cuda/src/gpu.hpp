// One dialect for two compilers. NVRTC makes PTX of a kernel (`__CUDACC__`). A plain C++ compiler makes a function of it, in
// which the threads of a block are fibers and the primitives below have stand-ins (emulator/). A kernel file says:
//
//     KERNEL void scale(const float* x, float factor, float* y, u64 count) { … }
//     REGISTER(scale)
//
// The lanes of a warp must reach each primitive that passes values between them (shuffles, mma) together.
#pragma once

#ifdef __CUDACC__

typedef unsigned char u8;
typedef signed char i8;
typedef unsigned short u16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

#define KERNEL extern "C" __global__
#define DEVICE static __device__ __forceinline__
#define SHARED __shared__ __align__(16)
#define REGISTER(name)
#define CONSTANT static __device__ __constant__
#define UNROLL _Pragma("unroll")
#define NO_UNROLL _Pragma("unroll 1")
#define INFINITY __int_as_float(0x7f800000)
// The most threads of a block, and how many blocks a multiprocessor must have room for: bounds the registers of a thread.
#define BOUNDS(threads, blocks) __launch_bounds__(threads, blocks)

DEVICE float asFloat(u32 bits) { return __uint_as_float(bits); }
DEVICE u32 asBits(float x) { return __float_as_uint(x); }

// Bytes of b:a picked by the four nibbles of `select`; a nibble's high bit repeats the byte's sign.
DEVICE u32 pickBytes(u32 a, u32 b, u32 select) { return __byte_perm(a, b, select); }

// Two floats as bf16, rounded to nearest even, `low` in the lower half.
DEVICE u32 packBf16(float low, float high) {
  u32 packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

DEVICE float halfToFloat(u16 bits) {
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
  return x;
}

DEVICE float shuffleXor(float x, int mask) { return __shfl_xor_sync(~0u, x, mask); }
DEVICE float shuffle(float x, int lane) { return __shfl_sync(~0u, x, lane); }

// Four 8 × 8 matrices of 16-bit numbers from shared memory, for a warp: lane 8i + r has the address of row r of matrix i, a
// multiple of 16. Lane 4g + t gets of each numbers 2t and 2t + 1 of row g; transposed, rows 2t and 2t + 1 of column g.
DEVICE void loadMatrices(u32* numbers, const void* row) {
  const u32 source = (u32)__cvta_generic_to_shared(row);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(numbers[0]), "=r"(numbers[1]), "=r"(numbers[2]), "=r"(numbers[3])
               : "r"(source) : "memory");
}
DEVICE void loadMatricesTransposed(u32* numbers, const void* row) {
  const u32 source = (u32)__cvta_generic_to_shared(row);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(numbers[0]), "=r"(numbers[1]), "=r"(numbers[2]), "=r"(numbers[3])
               : "r"(source) : "memory");
}

// d += a b on the tensor cores, for a warp: a is 16 × 16, b is 16 × 8, both bf16; d is 16 × 8. Lane 4g + t holds
// a[g | g + 8][2t, 2t + 1 | + 8], b[2t, 2t + 1 | + 8][g] and d[g | g + 8][2t, 2t + 1]. Source: PTX ISA, mma.m16n8k16.
DEVICE void multiplyTiles(float* d, const u32* a, const u32* b) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// 16 bytes from global to shared memory, in the background; both addresses are multiples of 16.
DEVICE void copyAsync16(void* shared, const void* global) {
  u32 target = (u32)__cvta_generic_to_shared(shared);
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(target), "l"(global) : "memory");
}
DEVICE void commitCopies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until at most `pending` committed groups are under way.
template <int pending>
DEVICE void waitForCopies() { asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory"); }

#else

#include "emulator/primitives.hpp"

#endif

// What is in an array of numbers.
enum Type : i32 { F32 = 0, BF16 = 1, F16 = 2, INT8 = 3, NF4 = 4 };

DEVICE float bf16ToFloat(u16 bits) { return asFloat((u32)bits << 16); }
DEVICE u16 floatToBf16(float x) { return (u16)packBf16(x, 0.f); }

// Element i of an array of f32 or bf16.
DEVICE float load(const void* x, i32 type, u64 i) {
  return type == F32 ? ((const float*)x)[i] : bf16ToFloat(((const u16*)x)[i]);
}
DEVICE void store(void* y, i32 type, u64 i, float value) {
  if (type == F32) ((float*)y)[i] = value;
  else ((u16*)y)[i] = floatToBf16(value);
}

// Numbers i … i + 3 of an array whose four numbers lie at a multiple of their size.
DEVICE float4 loadFour(const void* x, i32 type, u64 i) {
  if (type == F32) return *(const float4*)((const float*)x + i);
  const uint2 pairs = *(const uint2*)((const u16*)x + i);
  return {asFloat(pairs.x << 16), asFloat(pairs.x & 0xffff0000u), asFloat(pairs.y << 16), asFloat(pairs.y & 0xffff0000u)};
}
DEVICE void storeFour(void* y, i32 type, u64 i, float4 v) {
  if (type == F32) *(float4*)((float*)y + i) = v;
  else *(uint2*)((u16*)y + i) = {packBf16(v.x, v.y), packBf16(v.z, v.w)};
}
// Whether an array of rows of so many numbers can be read four at a time.
DEVICE bool liesInFours(const void* x, u64 columns) { return columns % 4 == 0 && (u64)x % 16 == 0; }

// Numbers i … i + 3 of an array of `count`, wherever it lies; beyond its end there are zeros, and nothing is stored.
DEVICE float4 loadUpToFour(const void* x, i32 type, u64 i, u64 count) {
  if (i + 4 <= count && (u64)x % 16 == 0) return loadFour(x, type, i);
  return {load(x, type, i), i + 1 < count ? load(x, type, i + 1) : 0.f, i + 2 < count ? load(x, type, i + 2) : 0.f,
          i + 3 < count ? load(x, type, i + 3) : 0.f};
}
DEVICE void storeUpToFour(void* y, i32 type, u64 i, u64 count, float4 v) {
  if (i + 4 <= count && (u64)y % 16 == 0) {
    storeFour(y, type, i, v);
    return;
  }
  store(y, type, i, v.x);
  if (i + 1 < count) store(y, type, i + 1, v.y);
  if (i + 2 < count) store(y, type, i + 2, v.z);
  if (i + 3 < count) store(y, type, i + 3, v.w);
}

// The index of this thread among all, and how many there are: for loops over elements.
DEVICE u64 threadIndex() { return (u64)blockIdx.x * blockDim.x + threadIdx.x; }
DEVICE u64 threadCount() { return (u64)gridDim.x * blockDim.x; }

// Calls body(i) with every fourth element of `count`, for threads that take four at a time.
template <class Body>
DEVICE void forFours(u64 count, Body body) {
  for (u64 i = threadIndex() * 4; i < count; i += threadCount() * 4) body(i);
}
// f of each number of four.
template <class F>
DEVICE float4 ofEach(F f, float4 a) { return {f(a.x), f(a.y), f(a.z), f(a.w)}; }
template <class F>
DEVICE float4 ofEach(F f, float4 a, float4 b) { return {f(a.x, b.x), f(a.y, b.y), f(a.z, b.z), f(a.w, b.w)}; }

// The sum, or the largest, of a value of each thread of the block; every thread gets it. A fixed order of additions: the same
// numbers give the same sum. The block is at most 1,024 threads, a multiple of 32.
template <bool isMaximum>
DEVICE float reduceBlock(float x) {
  SHARED float perWarp[32];
  auto combine = [](float a, float b) { return isMaximum ? fmaxf(a, b) : a + b; };
  for (int mask = 16; mask > 0; mask >>= 1) x = combine(x, shuffleXor(x, mask));
  __syncthreads();
  if ((threadIdx.x & 31) == 0) perWarp[threadIdx.x >> 5] = x;
  __syncthreads();
  float total = perWarp[0];
  for (u32 warp = 1; warp < blockDim.x / 32; warp++) total = combine(total, perWarp[warp]);
  return total;
}
DEVICE float sumOverBlock(float x) { return reduceBlock<false>(x); }
DEVICE float maximumOverBlock(float x) { return reduceBlock<true>(x); }
