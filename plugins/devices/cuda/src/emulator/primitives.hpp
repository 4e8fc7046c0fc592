// What gpu.hpp needs of a plain C++ compiler: the words of CUDA, and stand-ins for the primitives.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "fibers.hpp"
#include "registry.hpp"

using u8 = uint8_t;
using i8 = int8_t;
using u16 = uint16_t;
using i32 = int32_t;
using u32 = uint32_t;
using i64 = int64_t;
using u64 = uint64_t;

struct alignas(8) uint2 {
  u32 x, y;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) uint4 {
  u32 x, y, z, w;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

#define threadIdx emulator::threadAt
#define blockIdx emulator::blockAt
#define blockDim emulator::blockSize
#define gridDim emulator::gridSize
#define __restrict__ __restrict

#define KERNEL static
#define DEVICE [[maybe_unused]] static inline
// One for all fibers of a block: they share the CPU thread.
#define SHARED alignas(16) static thread_local
#define CONSTANT static const
#define UNROLL
#define NO_UNROLL
#define BOUNDS(threads, blocks)
#define REGISTER(name) static const emulator::Registered registered_##name(#name, name);

DEVICE void __syncthreads() { emulator::waitForBlock(); }
DEVICE void __syncwarp() { emulator::waitForWarp(); }

DEVICE float asFloat(u32 bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}
DEVICE u32 asBits(float x) {
  u32 bits;
  memcpy(&bits, &x, 4);
  return bits;
}

DEVICE u32 pickBytes(u32 a, u32 b, u32 select) {
  const u64 bytes = (u64)b << 32 | a;
  u32 picked = 0;
  for (int i = 0; i < 4; i++) {
    const u32 nibble = select >> 4 * i & 15;
    u32 byte = (u32)(bytes >> 8 * (nibble & 7)) & 255;
    if (nibble & 8) byte = byte & 128 ? 255 : 0;
    picked |= byte << 8 * i;
  }
  return picked;
}

DEVICE u32 bf16Bits(float x) {
  if (std::isnan(x)) return 0x7fff;
  const u32 bits = asBits(x);
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}
DEVICE u32 packBf16(float low, float high) { return bf16Bits(low) | bf16Bits(high) << 16; }

DEVICE float halfToFloat(u16 bits) {
  const u32 sign = (u32)(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (exponent == 0) return asFloat(sign | asBits((float)fraction * 0x1p-24f));
  if (exponent == 31) return asFloat(sign | 0x7f800000 | fraction << 13);
  return asFloat(sign | (exponent + 112) << 23 | fraction << 13);
}

DEVICE int laneOf() { return emulator::currentThread % emulator::kWarp; }
DEVICE emulator::Exchange& exchange() { return emulator::exchanges[emulator::currentThread / emulator::kWarp]; }

DEVICE float shuffle(float x, int lane) {
  auto& warp = exchange();
  warp.values[laneOf()][0] = asBits(x);
  emulator::waitForWarp();
  const float other = asFloat(warp.values[lane & 31][0]);
  emulator::waitForWarp();
  return other;
}
DEVICE float shuffleXor(float x, int mask) { return shuffle(x, laneOf() ^ mask); }

// Number `column` of row `row` of matrix i, whose rows lie where lanes 8i … 8i + 7 say.
DEVICE u32 matrixNumber(const emulator::Exchange& warp, int i, int row, int column) {
  u64 address;
  memcpy(&address, warp.values[8 * i + row], 8);
  return ((const u16*)address)[column];
}
template <bool isTransposed>
DEVICE void exchangeMatrices(u32* numbers, const void* row) {
  if ((uintptr_t)row & 15) throw std::runtime_error("ldmatrix of an address that is no multiple of 16");
  auto& warp = exchange();
  memcpy(warp.values[laneOf()], &row, 8);
  emulator::waitForWarp();
  const int g = laneOf() >> 2, t = laneOf() & 3;
  for (int i = 0; i < 4; i++) {
    const u32 low = isTransposed ? matrixNumber(warp, i, 2 * t, g) : matrixNumber(warp, i, g, 2 * t);
    const u32 high = isTransposed ? matrixNumber(warp, i, 2 * t + 1, g) : matrixNumber(warp, i, g, 2 * t + 1);
    numbers[i] = low | high << 16;
  }
  emulator::waitForWarp();
}
DEVICE void loadMatrices(u32* numbers, const void* row) { exchangeMatrices<false>(numbers, row); }
DEVICE void loadMatricesTransposed(u32* numbers, const void* row) { exchangeMatrices<true>(numbers, row); }

DEVICE void multiplyTiles(float* d, const u32* a, const u32* b) {
  auto& warp = exchange();
  u32* mine = warp.values[laneOf()];
  memcpy(mine, a, 16);
  memcpy(mine + 4, b, 8);
  emulator::waitForWarp();
  const int g = laneOf() >> 2, t = laneOf() & 3;
  // Rows g and g + 8 of a, columns 2t and 2t + 1 of b.
  float rows[2][16], columns[2][16];
  for (int lane = 0; lane < 4; lane++) {
    for (int i = 0; i < 4; i++) {
      const u32 pair = warp.values[g * 4 + lane][i];
      float* target = rows[i & 1] + 2 * lane + (i >= 2 ? 8 : 0);
      target[0] = asFloat(pair << 16);
      target[1] = asFloat(pair & 0xffff0000);
    }
    for (int i = 0; i < 4; i++) {
      const u32 pair = warp.values[(2 * t + (i & 1)) * 4 + lane][4 + (i >> 1)];
      float* target = columns[i & 1] + 2 * lane + (i >= 2 ? 8 : 0);
      target[0] = asFloat(pair << 16);
      target[1] = asFloat(pair & 0xffff0000);
    }
  }
  float sums[4] = {0, 0, 0, 0};
  for (int k = 0; k < 16; k++) {
    for (int i = 0; i < 4; i++) sums[i] += rows[i >> 1][k] * columns[i & 1][k];
  }
  for (int i = 0; i < 4; i++) d[i] += sums[i];
  emulator::waitForWarp();
}

// The copy is made when it is waited for, as late as the hardware may make it.
DEVICE void copyAsync16(void* shared, const void* global) {
  if (((uintptr_t)shared | (uintptr_t)global) & 15) throw std::runtime_error("cp.async of an address that is no multiple of 16");
  emulator::laterCopies().add(shared, global);
}
DEVICE void commitCopies() { emulator::laterCopies().commit(); }
template <int pending>
DEVICE void waitForCopies() {
  emulator::laterCopies().wait(pending);
}
