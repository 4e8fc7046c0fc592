// All kernels for the instruction set that the compiler's flags allow, in the table that EVOLVE_TABLE names.
#include "../kernels.hpp"

#include <chrono>

#include "attention-gradient.hpp"
#include "attention.hpp"
#include "cached-attention.hpp"
#include "columns.hpp"
#include "elements.hpp"
#include "gates.hpp"
#include "gguf-blocks.hpp"
#include "linear.hpp"
#include "loss.hpp"
#include "norms.hpp"
#include "optimizer.hpp"
#include "product.hpp"
#include "quantize-nf4.hpp"
#include "quantize.hpp"
#include "rotary.hpp"
#include "rows.hpp"

#ifndef EVOLVE_TABLE
#error "EVOLVE_TABLE must name the table, EVOLVE_ISA the instruction set"
#endif

namespace evolve {
namespace {

#if defined(__AVX512BF16__)
/** Seconds for a fixed number of tile products, the best of several tries. */
template <class Lane>
double timeTile() {
  constexpr int64_t kLanes = 256;
  alignas(64) static uint32_t left[kLanes * Lane::rows], right[kLanes * kColumns];
  double best = 1;
  for (int attempt = 0; attempt < 8; attempt++) {
    const MatrixRegisters<Lane> registers;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 8; i++) {
      Tile<Lane> sums;
      multiplyTile<Lane>(kLanes, left, right, sums);
      asm volatile("" : : "r"(&sums) : "memory");
    }
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

/** A bf16 lane holds two numbers; a tenth is left for what packing costs. */
bool measureBf16() { return timeTile<Bf16Lane>() * 1.1 < timeTile<F32Lane>() * 2; }
constexpr bool (*bf16Pays)() = measureBf16;
#else
constexpr bool (*bf16Pays)() = nullptr;
#endif

}  // namespace

extern const Kernels EVOLVE_TABLE = {
    .name = EVOLVE_ISA,
    .hasBf16 = !std::is_same_v<Bf16Lane, F32Lane>,
    .bf16Pays = bf16Pays,
    .forget = forget,
    .linear = linear,
    .linearInputGradient = linearInputGradient,
    .branchGradient = branchGradient,
    .product = product,
    .attention = attention,
    .attentionGradient = attentionGradient,
    .cachedAttention = cachedAttention,
    .linearCrossEntropy = linearCrossEntropy,
    .logProbabilities = logProbabilities,
    .logProbabilitiesGradient = logProbabilitiesGradient,
    .rmsNorm = rmsNorm,
    .rmsNormGradient = rmsNormGradient,
    .layerNorm = layerNorm,
    .layerNormGradient = layerNormGradient,
    .swiglu = swiglu,
    .swigluGradient = swigluGradient,
    .gelu = gelu,
    .geluGradient = geluGradient,
    .rotary = rotary,
    .dropout = dropout,
    .embedding = embedding,
    .copyColumns = copyColumns,
    .addRow = addRow,
    .columnSums = columnSums,
    .add = add,
    .scale = scale,
    .sumOfSquares = sumOfSquares,
    .adamw = adamw,
    .decode = decode,
    .quantizeInt8 = quantizeWeight,
    .quantizeNf4 = quantizeNf4,
    .quantizeDynamic = quantizeDynamic,
    .decodeBlocks = decodeBlocks,
};

}  // namespace evolve
