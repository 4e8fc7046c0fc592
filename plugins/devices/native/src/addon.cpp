// The Node-API face of the kernels: typed arrays in, results written into typed arrays that the caller made. Every
// array is checked to be as long as the kernel needs; a fault is thrown as a JavaScript error. What offsets, prefixes
// and blocks of a cache say is not checked here: the ops in core/ops/ make them.
#include <node_api.h>

#include <cmath>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "kernels.hpp"
#include "mapped-file.hpp"
#include "threads.hpp"

namespace {

using namespace evolve;

/** Those of `open`. */
const Kernels* kernels = &kernelsPlain;

/** Calls `function`, its C++ exceptions thrown in JavaScript. */
template <napi_value (*function)(const Args&)>
napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    return function(Args(env, info));
  } catch (const OutOfMemory& error) {
    napi_throw_error(env, "ERR_OUT_OF_MEMORY", (std::to_string(error.bytes >> 20) + " MiB").c_str());
  } catch (const std::bad_alloc&) {
    napi_throw_error(env, "ERR_OUT_OF_MEMORY", "some memory");
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return nullptr;
}

// ---- the device

/** () -> names of the instruction sets that this CPU can run */
napi_value isas(const Args& args) {
  const Kernels* list[5];
  const int count = supportedIsas(list);
  napi_value result;
  napi_create_array(args.env, &result);
  for (int i = 0; i < count; i++) napi_set_element(args.env, result, i, toValue(args.env, list[i]->name));
  return result;
}

/** (isa or null, threads) -> the name of the instruction set taken */
napi_value open(const Args& args) {
  const Kernels* list[5];
  const int count = supportedIsas(list);
  if (args.isNull(0)) {
    kernels = &preferredIsa();
  } else {
    const std::string wanted = args.text(0);
    const Kernels* found = nullptr;
    for (int i = 0; i < count; i++)
      if (wanted == list[i]->name) found = list[i];
    if (!found) throw std::invalid_argument("this CPU cannot run " + wanted);
    kernels = found;
  }
  kernels->forget();
  setThreads(static_cast<int>(args.integer(1)));
  return toValue(args.env, kernels->name);
}

/** () -> bytes that kernels hold for their own use */
napi_value scratchMemory(const Args& args) { return toValue(args.env, static_cast<double>(scratchBytes())); }

/** (storage, rows, columns, data, scales, scaleCodes, nestedScales, codebook, offset) -> a handle; the arrays must outlive it */
napi_value makeWeight(const Args& args) {
  auto* w = new Weight{};
  try {
    w->storage = static_cast<Storage>(args.integer(0));
    w->rows = args.integer(1);
    w->columns = args.integer(2);
    const int64_t size = w->rows * w->columns;
    const int64_t blocks = (size + 63) / 64;
    switch (w->storage) {
      case Storage::f32: w->data = args.bytes(3, size * 4); break;
      case Storage::bf16:
      case Storage::f16: w->data = args.bytes(3, size * 2); break;
      case Storage::int8:
        w->data = args.bytes(3, size);
        w->scales = args.floats(4, w->rows);
        break;
      case Storage::nf4:
        w->data = args.bytes(3, (size + 1) / 2);
        if (args.isNull(5)) {
          w->scales = args.floats(4, blocks);
        } else {
          w->scaleCodes = args.bytes(5, blocks);
          w->nestedScales = args.floats(6, (blocks + 255) / 256);
          w->codebook = args.floats(7, 256);
          w->offset = static_cast<float>(args.number(8));
        }
        break;
      default: throw std::invalid_argument("unknown storage of a weight");
    }
  } catch (...) {
    delete w;
    throw;
  }
  napi_value result;
  napi_create_external(
      args.env, w, [](napi_env, void* data, void*) { delete static_cast<Weight*>(data); }, nullptr, &result);
  return result;
}

// ---- products

/** (x, id, tokens, weight, compute, outlier, bias, y, branch…) */
napi_value linear(const Args& args) {
  const int64_t tokens = args.integer(2);
  const Weight& w = args.weight(3);
  Branch branch;
  const bool hasBranch = args.branch(8, w.columns, w.rows, branch);
  kernels->linear(args.floats(0, tokens * w.columns), static_cast<uint64_t>(args.integer(1)), tokens, w,
                  args.compute(4), static_cast<float>(args.number(5)), args.floatsOrNull(6, w.rows),
                  hasBranch ? &branch : nullptr, args.floats(7, tokens * w.rows));
  return nullptr;
}

/** (dy, tokens, weight, compute, outlier, dx, branch…) */
napi_value linearInputGradient(const Args& args) {
  const int64_t tokens = args.integer(1);
  const Weight& w = args.weight(2);
  Branch branch;
  const bool hasBranch = args.branch(6, w.columns, w.rows, branch);
  kernels->linearInputGradient(args.floats(0, tokens * w.rows), tokens, w, args.compute(3),
                               static_cast<float>(args.number(4)), hasBranch ? &branch : nullptr,
                               args.floats(5, tokens * w.columns));
  return nullptr;
}

/** (x, dy, tokens, in, out, da, db, branch…) */
napi_value branchGradient(const Args& args) {
  const int64_t tokens = args.integer(2), in = args.integer(3), out = args.integer(4);
  Branch branch;
  if (!args.branch(7, in, out, branch)) args.fail(7, "must be a branch");
  kernels->branchGradient(args.floats(0, tokens * in), args.floats(1, tokens * out), tokens, in, out, branch,
                          args.floats(5, branch.rank * in), args.floats(6, out * branch.rank));
  return nullptr;
}

/** (a, aOffset, transposeA, b, bOffset, transposeB, m, n, k, c, cOffset): one product, at offsets into the arrays */
napi_value product(const Args& args) {
  const int64_t m = args.integer(6), n = args.integer(7), k = args.integer(8);
  const int64_t aOffset = args.integer(1), bOffset = args.integer(4), cOffset = args.integer(10);
  const float* a = args.floats(0, aOffset + m * k) + aOffset;
  const float* b = args.floats(3, bOffset + k * n) + bOffset;
  const bool turnedA = args.integer(2) != 0, turnedB = args.integer(5) != 0;
  kernels->product(turnedA ? Strided{a, 1, m} : Strided{a, k, 1}, turnedB ? Strided{b, 1, k} : Strided{b, n, 1}, m, n,
                   k, false, args.floats(9, cOffset + m * n) + cOffset);
  return nullptr;
}

/** The shape from argument i: tokens, heads, kvHeads, headDim, scale, compute, offsets, prefixes, slopes */
AttentionShape attentionShape(const Args& args, int i, int64_t sequences) {
  AttentionShape shape{};
  shape.tokens = args.integer(i);
  shape.heads = args.integer(i + 1);
  shape.kvHeads = args.integer(i + 2);
  shape.headDim = args.integer(i + 3);
  shape.scale = static_cast<float>(args.number(i + 4));
  shape.compute = args.compute(i + 5);
  shape.sequences = sequences;
  shape.offsets = args.integers(i + 6, sequences + 1);
  shape.prefixes = args.isNull(i + 7) ? nullptr : args.integers(i + 7, sequences);
  shape.slopes = args.floatsOrNull(i + 8, shape.heads);
  return shape;
}

/** (q, k, v, y, logSums, sequences, shape…) */
napi_value attention(const Args& args) {
  const AttentionShape s = attentionShape(args, 6, args.integer(5));
  const int64_t q = s.tokens * s.heads * s.headDim, kv = s.tokens * s.kvHeads * s.headDim;
  kernels->attention(args.floats(0, q), args.floats(1, kv), args.floats(2, kv), s, args.floats(3, q),
                     args.floats(4, s.heads * s.tokens));
  return nullptr;
}

/** (q, k, v, y, dy, logSums, dq, dk, dv, sequences, shape…) */
napi_value attentionGradient(const Args& args) {
  const AttentionShape s = attentionShape(args, 10, args.integer(9));
  const int64_t q = s.tokens * s.heads * s.headDim, kv = s.tokens * s.kvHeads * s.headDim;
  kernels->attentionGradient(args.floats(0, q), args.floats(1, kv), args.floats(2, kv), args.floats(3, q),
                             args.floats(4, q), args.floats(5, s.heads * s.tokens), s, args.floats(6, q),
                             args.floats(7, kv), args.floats(8, kv));
  return nullptr;
}

/** (q, k, v, y or null, pasts, blocks, starts, slabs, slabBlocks, blockTokens, sequences, shape…) */
napi_value cachedAttention(const Args& args) {
  const int64_t sequences = args.integer(10);
  const AttentionShape s = attentionShape(args, 11, sequences);
  const int64_t q = s.tokens * s.heads * s.headDim, kv = s.tokens * s.kvHeads * s.headDim;
  const int64_t slabBlocks = args.integer(8), blockTokens = args.integer(9);
  if (blockTokens != kBlockTokens) args.fail(9, "must be " + std::to_string(kBlockTokens));
  const std::vector<float*> slabs = args.floatsList(7, slabBlocks * blockTokens * 2 * s.kvHeads * s.headDim);
  const int32_t* starts = args.integers(6, sequences + 1);
  const int32_t* blocks = args.integers(5, starts[sequences]);
  const int32_t* pasts = args.integers(4, sequences);
  for (int64_t i = 0; i < sequences; i++) {
    const int64_t needed = (pasts[i] + s.offsets[i + 1] - s.offsets[i] + blockTokens - 1) / blockTokens;
    if (starts[i + 1] - starts[i] < needed) args.fail(5, "has too few blocks for a sequence");
  }
  for (int32_t i = 0; i < starts[sequences]; i++)
    if (blocks[i] < 0 || blocks[i] >= slabBlocks * static_cast<int64_t>(slabs.size()))
      args.fail(5, "holds a block that is in no slab");
  kernels->cachedAttention(args.floats(0, q), args.floats(1, kv), args.floats(2, kv), s,
                           CacheView{pasts, blocks, starts, slabs.data(), slabBlocks}, args.floatsOrNull(3, q));
  return nullptr;
}

/** (x, tokens, weight, compute, bias, labels, dx or null, dw or null, pieceBytes) -> the summed loss */
napi_value linearCrossEntropy(const Args& args) {
  const int64_t tokens = args.integer(1);
  const Weight& w = args.weight(2);
  const int32_t* labels = args.integers(5, tokens);
  for (int64_t i = 0; i < tokens; i++)
    if (labels[i] < 0 || labels[i] >= w.rows) args.fail(5, "holds a label outside the vocabulary");
  return toValue(args.env, kernels->linearCrossEntropy(args.floats(0, tokens * w.columns), tokens, w, args.compute(3),
                                                       args.floatsOrNull(4, w.rows), labels, args.integer(8),
                                                       args.floatsOrNull(6, tokens * w.columns),
                                                       args.floatsOrNull(7, w.rows * w.columns)));
}

// ---- norms and gates

/** (x, weight, rows, columns, epsilon, y) */
napi_value rmsNorm(const Args& args) {
  const int64_t rows = args.integer(2), columns = args.integer(3);
  kernels->rmsNorm(args.floats(0, rows * columns), args.floats(1, columns), rows, columns,
                   static_cast<float>(args.number(4)), args.floats(5, rows * columns));
  return nullptr;
}

/** (x, weight, dy, rows, columns, epsilon, dx, dweight or null) */
napi_value rmsNormGradient(const Args& args) {
  const int64_t rows = args.integer(3), columns = args.integer(4);
  kernels->rmsNormGradient(args.floats(0, rows * columns), args.floats(1, columns), args.floats(2, rows * columns),
                           rows, columns, static_cast<float>(args.number(5)), args.floats(6, rows * columns),
                           args.floatsOrNull(7, columns));
  return nullptr;
}

/** (x, weight, bias, rows, columns, epsilon, y) */
napi_value layerNorm(const Args& args) {
  const int64_t rows = args.integer(3), columns = args.integer(4);
  kernels->layerNorm(args.floats(0, rows * columns), args.floats(1, columns), args.floats(2, columns), rows, columns,
                     static_cast<float>(args.number(5)), args.floats(6, rows * columns));
  return nullptr;
}

/** (x, weight, dy, rows, columns, epsilon, dx, dweight or null, dbias or null) */
napi_value layerNormGradient(const Args& args) {
  const int64_t rows = args.integer(3), columns = args.integer(4);
  kernels->layerNormGradient(args.floats(0, rows * columns), args.floats(1, columns), args.floats(2, rows * columns),
                             rows, columns, static_cast<float>(args.number(5)), args.floats(6, rows * columns),
                             args.floatsOrNull(7, columns), args.floatsOrNull(8, columns));
  return nullptr;
}

/** (gate, up, size, y) */
napi_value swiglu(const Args& args) {
  const int64_t size = args.integer(2);
  kernels->swiglu(args.floats(0, size), args.floats(1, size), size, args.floats(3, size));
  return nullptr;
}

/** (gate, up, dy, size, dgate, dup) */
napi_value swigluGradient(const Args& args) {
  const int64_t size = args.integer(3);
  kernels->swigluGradient(args.floats(0, size), args.floats(1, size), args.floats(2, size), size,
                          args.floats(4, size), args.floats(5, size));
  return nullptr;
}

/** (x, size, y) */
napi_value gelu(const Args& args) {
  const int64_t size = args.integer(1);
  kernels->gelu(args.floats(0, size), size, args.floats(2, size));
  return nullptr;
}

/** (x, dy, size, dx) */
napi_value geluGradient(const Args& args) {
  const int64_t size = args.integer(2);
  kernels->geluGradient(args.floats(0, size), args.floats(1, size), size, args.floats(3, size));
  return nullptr;
}

/** (x, cos, sin, tokens, heads, headDim, parts, sign, y) */
napi_value rotary(const Args& args) {
  const int64_t tokens = args.integer(3), heads = args.integer(4), headDim = args.integer(5);
  const int64_t size = tokens * heads * headDim, angles = tokens * headDim / 2;
  kernels->rotary(args.floats(0, size), args.floats(1, angles), args.floats(2, angles), tokens, heads, headDim,
                  args.integer(6), static_cast<float>(args.number(7)), args.floats(8, size));
  return nullptr;
}

/** (x, size, rate, seed, y) */
napi_value dropout(const Args& args) {
  const int64_t size = args.integer(1);
  kernels->dropout(args.floats(0, size), size, args.number(2), static_cast<uint32_t>(args.integer(3)),
                   args.floats(4, size));
  return nullptr;
}

// ---- rows and elements

/** (ids, count, weight, y) */
napi_value embedding(const Args& args) {
  const int64_t count = args.integer(1);
  const Weight& w = args.weight(2);
  const int32_t* ids = args.integers(0, count);
  for (int64_t i = 0; i < count; i++)
    if (ids[i] < 0 || ids[i] >= w.rows) args.fail(0, "holds an id outside the vocabulary");
  kernels->embedding(ids, count, w, args.floats(3, count * w.columns));
  return nullptr;
}

/** (x, xColumns, xAt, rows, width, y, yColumns, yAt): columns xAt … of x become columns yAt … of y */
napi_value copyColumns(const Args& args) {
  const int64_t xColumns = args.integer(1), xAt = args.integer(2), rows = args.integer(3), width = args.integer(4);
  const int64_t yColumns = args.integer(6), yAt = args.integer(7);
  if (xAt < 0 || width < 0 || xAt + width > xColumns) args.fail(2, "is outside the columns");
  if (yAt < 0 || yAt + width > yColumns) args.fail(7, "is outside the columns");
  kernels->copyColumns(args.floats(0, rows * xColumns) + xAt, xColumns, rows, width,
                       args.floats(5, rows * yColumns) + yAt, yColumns);
  return nullptr;
}

/** (x, row, rows, columns, y) */
napi_value addRow(const Args& args) {
  const int64_t rows = args.integer(2), columns = args.integer(3);
  kernels->addRow(args.floats(0, rows * columns), args.floats(1, columns), rows, columns,
                  args.floats(4, rows * columns));
  return nullptr;
}

/** (x, rows, columns, y) */
napi_value columnSums(const Args& args) {
  const int64_t rows = args.integer(1), columns = args.integer(2);
  kernels->columnSums(args.floats(0, rows * columns), rows, columns, args.floats(3, columns));
  return nullptr;
}

/** (a, b, size, y) */
napi_value add(const Args& args) {
  const int64_t size = args.integer(2);
  kernels->add(args.floats(0, size), args.floats(1, size), size, args.floats(3, size));
  return nullptr;
}

/** (x, size, factor, y) */
napi_value scale(const Args& args) {
  const int64_t size = args.integer(1);
  kernels->scale(args.floats(0, size), size, static_cast<float>(args.number(2)), args.floats(3, size));
  return nullptr;
}

/** (x, size) -> the sum of squares */
napi_value sumOfSquares(const Args& args) {
  const int64_t size = args.integer(1);
  return toValue(args.env, kernels->sumOfSquares(args.floats(0, size), size));
}

/** (value, gradient, mean, square, size, learningRate, beta1, beta2, epsilon, weightDecay, gradientScale, step, value, mean, square) */
napi_value adamw(const Args& args) {
  const int64_t size = args.integer(4);
  const auto number = [&](int i) { return args.number(i); };
  const double step = args.number(11);
  const AdamW options{number(5), number(6), number(7), number(8), number(9), number(10),
                      1 - std::pow(args.number(6), step), 1 - std::pow(args.number(7), step)};
  kernels->adamw(args.floats(0, size), args.floats(1, size), args.floats(2, size), args.floats(3, size), size, options,
                 args.floats(12, size), args.floats(13, size), args.floats(14, size));
  return nullptr;
}

/** (weight, start, end, target) */
napi_value decode(const Args& args) {
  const Weight& w = args.weight(0);
  const int64_t start = args.integer(1), end = args.integer(2);
  if (start < 0 || end < start || end > w.rows) args.fail(1, "is outside the weight");
  kernels->decode(w, start, end, args.floats(3, (end - start) * w.columns));
  return nullptr;
}

/** (weight, values, scales) -> the first row that is not finite, or −1 */
napi_value quantizeInt8(const Args& args) {
  const Weight& w = args.weight(0);
  return toValue(args.env, static_cast<double>(kernels->quantizeInt8(w, args.int8s(1, w.rows * w.columns),
                                                                     args.floats(2, w.rows))));
}

/** (weight, middles, codes, absmax) -> whether all numbers are finite */
napi_value quantizeNf4(const Args& args) {
  const Weight& w = args.weight(0);
  if (w.storage == Storage::int8 || w.storage == Storage::nf4) args.fail(0, "is quantized already");
  const int64_t size = w.rows * w.columns;
  return toValue(args.env, kernels->quantizeNf4(w, args.floats(1, 15), args.bytes(2, (size + 1) / 2),
                                                args.floats(3, (size + 63) / 64)));
}

/** (values, count, middles, codes, absmax); `values` are scaled */
napi_value quantizeDynamic(const Args& args) {
  const int64_t count = args.integer(1);
  kernels->quantizeDynamic(args.floats(0, count), count, args.floats(2, 255), args.bytes(3, count),
                           args.floats(4, (count + 255) / 256));
  return nullptr;
}

/** (type, source, order or null, rows, columns, target) -> whether all numbers are such that an f16 can hold */
napi_value decodeBlocks(const Args& args) {
  const auto type = static_cast<BlockType>(args.integer(0));
  const BlockSize block = blockSizeOf(type);
  const int64_t rows = args.integer(3), columns = args.integer(4);
  if (block.numbers == 0) args.fail(0, "is no type of blocks");
  if (rows < 0 || columns <= 0 || columns % block.numbers != 0) args.fail(4, "is no number of whole blocks");
  const uint8_t* source = args.bytes(1, rows * (columns / block.numbers) * block.bytes);
  const int32_t* order = args.isNull(2) ? nullptr : args.integers(2, rows);
  for (int64_t row = 0; order && row < rows; row++)
    if (order[row] < 0 || order[row] >= rows) args.fail(2, "names a row that there is not");
  auto* target = reinterpret_cast<uint16_t*>(args.bytes(5, rows * columns * 2));
  return toValue(args.env, kernels->decodeBlocks(type, source, order, rows, columns, target));
}

template <napi_value (*function)(const Args&)>
void add(napi_env env, napi_value exports, const char* name) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, guarded<function>, nullptr, &value);
  napi_set_named_property(env, exports, name, value);
}

}  // namespace

NAPI_MODULE_INIT() {
  // Threads, kernels and mappings are the process's.
  static napi_env owner = env;
  if (env != owner) {
    napi_throw_error(env, nullptr, "it serves one thread of Node.js, and another has it");
    return nullptr;
  }
  setThreads(1);
#define EXPORT(function) add<function>(env, exports, #function)
  EXPORT(isas);
  EXPORT(open);
  EXPORT(scratchMemory);
  EXPORT(mapFile);
  EXPORT(releasePages);
  EXPORT(makeWeight);
  EXPORT(linear);
  EXPORT(linearInputGradient);
  EXPORT(branchGradient);
  EXPORT(product);
  EXPORT(attention);
  EXPORT(attentionGradient);
  EXPORT(cachedAttention);
  EXPORT(linearCrossEntropy);
  EXPORT(rmsNorm);
  EXPORT(rmsNormGradient);
  EXPORT(layerNorm);
  EXPORT(layerNormGradient);
  EXPORT(swiglu);
  EXPORT(swigluGradient);
  EXPORT(gelu);
  EXPORT(geluGradient);
  EXPORT(rotary);
  EXPORT(dropout);
  EXPORT(embedding);
  EXPORT(copyColumns);
  EXPORT(addRow);
  EXPORT(columnSums);
  EXPORT(add);
  EXPORT(scale);
  EXPORT(sumOfSquares);
  EXPORT(adamw);
  EXPORT(decode);
  EXPORT(quantizeInt8);
  EXPORT(quantizeNf4);
  EXPORT(quantizeDynamic);
  EXPORT(decodeBlocks);
#undef EXPORT
  return exports;
}
