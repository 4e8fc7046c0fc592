// What the kernels of one instruction set offer. kernels/kernels.cpp is compiled once for each set and fills one table;
// isa.cpp picks a table that this CPU can run. Matrices are row-major, activations fp32.
#pragma once
#include <cstdint>

namespace evolve {

/** How the numbers of a frozen weight are stored; the order is that of weights.ts. */
enum class Storage : int { f32, bf16, f16, int8, nf4 };

/** In which arithmetic products are computed. Where an instruction set lacks bf16, fp32 takes its place. */
enum class Compute : int { fp32, bf16, int8 };

/** A frozen matrix [rows, columns]. */
struct Weight {
  Storage storage;
  int64_t rows, columns;
  const uint8_t* data;
  /** int8: [rows]. nf4 without double quantisation: the blocks' absmax. */
  const float* scales;
  /** nf4 with double quantisation: absmax of block b is codebook[scaleCodes[b]] · nestedScales[b / 256] + offset. */
  const uint8_t* scaleCodes;
  const float* nestedScales;
  const float* codebook;
  float offset;
};

/** GGUF's blocks of quantized numbers, by ggml's numbers. */
enum class BlockType { q4_0 = 2, q4_1 = 3, q5_0 = 6, q5_1 = 7, q8_0 = 8, q4_K = 12, q5_K = 13, q6_K = 14 };

/** Numbers and bytes of a block. */
struct BlockSize {
  int64_t numbers, bytes;
};

/** Zeros where there is no such type. */
inline BlockSize blockSizeOf(BlockType type) {
  switch (type) {
    case BlockType::q4_0: return {32, 18};
    case BlockType::q4_1: return {32, 20};
    case BlockType::q5_0: return {32, 22};
    case BlockType::q5_1: return {32, 24};
    case BlockType::q8_0: return {32, 34};
    case BlockType::q4_K: return {256, 144};
    case BlockType::q5_K: return {256, 176};
    case BlockType::q6_K: return {256, 210};
  }
  return {0, 0};
}

/** Any matrix that is read through strides: element (i, j) is data[i · rowStride + j · columnStride]. */
struct Strided {
  const float* data;
  int64_t rowStride, columnStride;
};

/** The low-rank branch of a linear layer: scaling · (dropout(x) Aᵀ) Bᵀ. */
struct Branch {
  /** [rank, in] */
  const float* a;
  /** [out, rank] */
  const float* b;
  int64_t rank;
  float scaling;
  double dropout;
  uint32_t seed;
};

struct AttentionShape {
  int64_t tokens, heads, kvHeads, headDim;
  float scale;
  /** [sequences + 1] */
  const int32_t* offsets;
  int64_t sequences;
  /** [sequences] or null */
  const int32_t* prefixes;
  /** [heads] or null */
  const float* slopes;
  Compute compute;
};

/** Tokens of a block of the cache. */
constexpr int64_t kBlockTokens = 32;

/** Where the cached keys and values of the sequences lie; core/generation/paged-layer.ts has the layout. */
struct CacheView {
  /** [sequences]: tokens that are cached already. */
  const int32_t* pasts;
  /** The sequences' blocks, one list behind the other; that of sequence s begins at starts[s]. */
  const int32_t* blocks;
  const int32_t* starts;
  /** Block b is the one b % slabBlocks of slab b / slabBlocks. */
  float* const* slabs;
  int64_t slabBlocks;
};

struct AdamW {
  double learningRate, beta1, beta2, epsilon, weightDecay, gradientScale;
  /** 1 − beta^step */
  double correction1, correction2;
};

struct Kernels {
  const char* name;
  /** Whether bf16 products are computed as such. */
  bool hasBf16;
  /**
   * Measures whether bf16 products are faster than fp32 ones: on some CPUs that have the instruction it takes more
   * than twice the time. Null where there is no choice. Takes less than a millisecond.
   */
  bool (*bf16Pays)();
  /** Forgets what `linear` packed, since the kernels of other instruction sets use the same memory. */
  void (*forget)();

  // ---- products

  /**
   * y [tokens, out] = x [tokens, in] wᵀ + bias (or null) + branch (or null). Calls in a row with the same `id` other
   * than 0 have the same x, which is then packed once.
   */
  void (*linear)(const float* x, uint64_t id, int64_t tokens, const Weight& w, Compute compute, float outlier,
                 const float* bias, const Branch* branch, float* y);
  /** dx [tokens, in] = dy [tokens, out] w + the branch's part. */
  void (*linearInputGradient)(const float* dy, int64_t tokens, const Weight& w, Compute compute, float outlier,
                              const Branch* branch, float* dx);
  /** The gradients of the branch: da [rank, in], db [out, rank]. */
  void (*branchGradient)(const float* x, const float* dy, int64_t tokens, int64_t in, int64_t out,
                         const Branch& branch, float* da, float* db);
  /** c [m, n] = a [m, k] b [k, n], both through strides of which one is 1; added to what c holds where `adding`. */
  void (*product)(const Strided& a, const Strided& b, int64_t m, int64_t n, int64_t k, bool adding, float* c);
  /** y [tokens, heads, headDim]; logSums [heads, tokens] is kept for the gradient. */
  void (*attention)(const float* q, const float* k, const float* v, const AttentionShape& shape, float* y,
                    float* logSums);
  void (*attentionGradient)(const float* q, const float* k, const float* v, const float* y, const float* dy,
                            const float* logSums, const AttentionShape& shape, float* dq, float* dk, float* dv);
  /** Adds k and v to the cache; y [tokens, heads, headDim], where it is not null, attends to all that it then holds. */
  void (*cachedAttention)(const float* q, const float* k, const float* v, const AttentionShape& shape,
                          const CacheView& cache, float* y);
  /**
   * Returns Σ logsumexp − logit[label]; writes the parts of the sum to each [tokens], and the gradients dx [tokens, hidden]
   * and dw, where they are not null. The logits take about `pieceBytes` at a time.
   */
  double (*linearCrossEntropy)(const float* x, int64_t tokens, const Weight& w, Compute compute, const float* bias,
                               const int32_t* labels, int64_t pieceBytes, float* dx, float* dw,
                               float* each);
  /** logits [tokens, vocabulary]; y [tokens] = logit[label] − logsumexp; logSums [tokens] is kept for the gradient. */
  void (*logProbabilities)(const float* logits, int64_t tokens, int64_t vocabulary, const int32_t* labels, float* y,
                           float* logSums);
  void (*logProbabilitiesGradient)(const float* logits, const float* logSums, const float* dy, int64_t tokens,
                                   int64_t vocabulary, const int32_t* labels, float* dlogits);

  // ---- norms and gates

  void (*rmsNorm)(const float* x, const float* weight, int64_t rows, int64_t columns, float epsilon, float* y);
  /** dweight may be null. */
  void (*rmsNormGradient)(const float* x, const float* weight, const float* dy, int64_t rows, int64_t columns,
                          float epsilon, float* dx, float* dweight);
  void (*layerNorm)(const float* x, const float* weight, const float* bias, int64_t rows, int64_t columns,
                    float epsilon, float* y);
  /** dweight and dbias may be null, both or none. */
  void (*layerNormGradient)(const float* x, const float* weight, const float* dy, int64_t rows, int64_t columns,
                            float epsilon, float* dx, float* dweight, float* dbias);
  void (*swiglu)(const float* gate, const float* up, int64_t size, float* y);
  void (*swigluGradient)(const float* gate, const float* up, const float* dy, int64_t size, float* dgate, float* dup);
  void (*gelu)(const float* x, int64_t size, float* y);
  void (*geluGradient)(const float* x, const float* dy, int64_t size, float* dx);
  /** x [tokens, heads, headDim]; each of `parts` equal parts of a head is turned in half form; `sign` −1 turns back. */
  void (*rotary)(const float* x, const float* cos, const float* sin, int64_t tokens, int64_t heads, int64_t headDim,
                 int64_t parts, float sign, float* y);
  void (*dropout)(const float* x, int64_t size, double rate, uint32_t seed, float* y);

  // ---- rows and elements

  void (*embedding)(const int32_t* ids, int64_t count, const Weight& w, float* y);
  /** `width` numbers of each row, from rows of `xColumns` into rows of `yColumns`. */
  void (*copyColumns)(const float* x, int64_t xColumns, int64_t rows, int64_t width, float* y, int64_t yColumns);
  /** y [rows, columns] = x + row, to every row. */
  void (*addRow)(const float* x, const float* row, int64_t rows, int64_t columns, float* y);
  /** y [columns] = the sum of the rows of x. */
  void (*columnSums)(const float* x, int64_t rows, int64_t columns, float* y);
  void (*add)(const float* a, const float* b, int64_t size, float* y);
  void (*scale)(const float* x, int64_t size, float factor, float* y);
  /** The sum of squares, in double. */
  double (*sumOfSquares)(const float* x, int64_t size);
  void (*adamw)(const float* value, const float* gradient, const float* mean, const float* square, int64_t size,
                const AdamW& options, float* newValue, float* newMean, float* newSquare);

  // ---- storage

  /** Rows of `w` as fp32. */
  void (*decode)(const Weight& w, int64_t start, int64_t end, float* target);
  /** Row by row: values [rows, columns], scales [rows]. Returns the first row that holds what is not finite, or −1. */
  int64_t (*quantizeInt8)(const Weight& w, int8_t* values, float* scales);
  /**
   * A weight in f32, bf16 or f16, in blocks of 64 numbers: codes, two a byte, and absmax. A code is how many of the 15
   * `middles` lie below the number. Returns false where a number is not finite.
   */
  bool (*quantizeNf4)(const Weight& w, const float* middles, uint8_t* codes, float* absmax);
  /** Numbers in blocks of 256, scaled in place: codes by 255 `middles`, and the blocks' absmax. */
  void (*quantizeDynamic)(float* values, int64_t count, const float* middles, uint8_t* codes, float* absmax);
  /**
   * target [rows, columns] as f16: row i is the row order[i] of `source`, or i where `order` is null. Returns false
   * where a number is larger than an f16 can be, or none.
   */
  bool (*decodeBlocks)(BlockType type, const uint8_t* source, const int32_t* order, int64_t rows, int64_t columns,
                       uint16_t* target);
};

extern const Kernels kernelsPlain, kernelsAvx2, kernelsAvxVnni, kernelsAvx512, kernelsAvx512Vnni, kernelsAvx512Bf16,
    kernelsAmx;

constexpr int kMostIsas = 7;

/** The sets that this CPU can run, the faster ones behind. AVX-VNNI and AMX are there where the compiler knows them. */
int supportedIsas(const Kernels* (&list)[kMostIsas]);

/** The last of them whose bf16 pays, or that has none. */
const Kernels& preferredIsa();

}  // namespace evolve
