// Frozen weights: handles to them, and the conversions between their forms of storage.
#pragma once

#include <stdexcept>

#include "arguments.hpp"
#include "device.hpp"

namespace evolve {

/** (storage, rows, columns, data, scales, scaleCodes, nestedScales, codebook, offset) -> a handle; the arrays must outlive it */
inline napi_value makeWeight(const Args& args) {
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

/** (weight, start, end, target) */
inline napi_value decode(const Args& args) {
  const Weight& w = args.weight(0);
  const int64_t start = args.integer(1), end = args.integer(2);
  if (start < 0 || end < start || end > w.rows) args.fail(1, "is outside the weight");
  kernels->decode(w, start, end, args.floats(3, (end - start) * w.columns));
  return nullptr;
}

/** (weight, values, scales) -> the first row that is not finite, or −1 */
inline napi_value quantizeInt8(const Args& args) {
  const Weight& w = args.weight(0);
  return toValue(args.env, static_cast<double>(kernels->quantizeInt8(w, args.int8s(1, w.rows * w.columns),
                                                                     args.floats(2, w.rows))));
}

/** (weight, middles, codes, absmax) -> whether all numbers are finite */
inline napi_value quantizeNf4(const Args& args) {
  const Weight& w = args.weight(0);
  if (w.storage == Storage::int8 || w.storage == Storage::nf4) args.fail(0, "is quantized already");
  const int64_t size = w.rows * w.columns;
  return toValue(args.env, kernels->quantizeNf4(w, args.floats(1, 15), args.bytes(2, (size + 1) / 2),
                                                args.floats(3, (size + 63) / 64)));
}

/** (values, count, middles, codes, absmax); `values` are scaled */
inline napi_value quantizeDynamic(const Args& args) {
  const int64_t count = args.integer(1);
  kernels->quantizeDynamic(args.floats(0, count), count, args.floats(2, 255), args.bytes(3, count),
                           args.floats(4, (count + 255) / 256));
  return nullptr;
}

/** (type, source, order or null, rows, columns, target) -> whether all numbers are such that an f16 can hold */
inline napi_value decodeBlocks(const Args& args) {
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

}  // namespace evolve
