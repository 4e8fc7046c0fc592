// Norms, gates, rotary embedding, the optimizer's update: what is done number by number, row by row.
#pragma once
#include "decode.hpp"
#include "skinny.hpp"
#include "threads.hpp"

namespace evolve {
namespace {

/** Numbers that one task takes. */
constexpr int64_t kPiece = 16384;

/** Calls body(start, end) for pieces of `size`, in all threads. */
template <class Body>
void inPieces(int64_t size, Body&& body) {
  parallelFor((size + kPiece - 1) / kPiece,
              [&](int64_t task, int) { body(task * kPiece, std::min(size, (task + 1) * kPiece)); });
}

/** Applies `body` (vectors in, vector out) to whole vectors, and to the rest through a padded copy. */
template <int N, class Body>
void mapVectors(const float* const (&inputs)[N], float* out, int64_t start, int64_t end, Body&& body) {
  vf values[N];
  int64_t i = start;
  for (; i + W <= end; i += W) {
    for (int n = 0; n < N; n++) values[n] = load(inputs[n] + i);
    store(out + i, body(values, i));
  }
  if (i == end) return;
  for (int n = 0; n < N; n++) {
    values[n] = vf{};
    for (int64_t j = i; j < end; j++) values[n][j - i] = inputs[n][j];
  }
  const vf result = body(values, i);
  for (int64_t j = i; j < end; j++) out[j] = result[j - i];
}

template <int N, class Body>
void map(const float* const (&inputs)[N], float* out, int64_t size, Body&& body) {
  inPieces(size, [&](int64_t start, int64_t end) { mapVectors(inputs, out, start, end, body); });
}

inline void add(const float* a, const float* b, int64_t size, float* y) {
  map({a, b}, y, size, [](const vf* v, int64_t) { return v[0] + v[1]; });
}

inline void scale(const float* x, int64_t size, float factor, float* y) {
  map({x}, y, size, [&](const vf* v, int64_t) { return v[0] * factor; });
}

inline void dropout(const float* x, int64_t size, double rate, uint32_t seed, float* y) {
  const Mask mask(rate, seed);
  map({x}, y, size, [&](const vf* v, int64_t i) { return mask.any() ? v[0] * mask.at(i) : v[0]; });
}

// ---- gates

inline void swiglu(const float* gate, const float* up, int64_t size, float* y) {
  map({gate, up}, y, size, [](const vf* v, int64_t) { return v[0] * sigmoid(v[0]) * v[1]; });
}

inline void swigluGradient(const float* gate, const float* up, const float* dy, int64_t size, float* dgate,
                           float* dup) {
  inPieces(size, [&](int64_t start, int64_t end) {
    mapVectors({gate, dy}, dup, start, end, [](const vf* v, int64_t) { return v[1] * v[0] * sigmoid(v[0]); });
    mapVectors({gate, up, dy}, dgate, start, end, [](const vf* v, int64_t) {
      const vf s = sigmoid(v[0]);
      return v[2] * v[1] * s * (1.0f + v[0] * (1.0f - s));
    });
  });
}

/** √(2/π) and the cubic coefficient of GELU's tanh form (arXiv 1606.08415). */
constexpr float kGeluScale = 0.7978845608028654f;
constexpr float kGeluCubic = 0.044715f;

inline void gelu(const float* x, int64_t size, float* y) {
  map({x}, y, size, [](const vf* v, int64_t) {
    const vf inner = kGeluScale * (v[0] + kGeluCubic * v[0] * v[0] * v[0]);
    return 0.5f * v[0] * (1.0f + hyperbolicTangent(inner));
  });
}

inline void geluGradient(const float* x, const float* dy, int64_t size, float* dx) {
  map({x, dy}, dx, size, [](const vf* v, int64_t) {
    const vf square = v[0] * v[0];
    const vf t = hyperbolicTangent(kGeluScale * (v[0] + kGeluCubic * square * v[0]));
    const vf inner = kGeluScale * (1.0f + 3.0f * kGeluCubic * square);
    return v[1] * (0.5f * (1.0f + t) + 0.5f * v[0] * (1.0f - t * t) * inner);
  });
}

// ---- norms

/** Rows one task takes: fixed, so that sums over rows do not depend on the number of threads. */
constexpr int64_t kNormRows = 64;

inline float meanOf(const float* x, int64_t count) {
  vf total{};
  int64_t i = 0;
  for (; i + W <= count; i += W) total += load(x + i);
  float result = sum(total);
  for (; i < count; i++) result += x[i];
  return result / static_cast<float>(count);
}

/** Σ (a − shift) · b · c, with b or c null for 1. */
inline float dotOf(const float* a, float shift, const float* b, const float* c, int64_t count) {
  vf total{};
  int64_t i = 0;
  for (; i + W <= count; i += W) {
    vf v = load(a + i) - shift;
    if (b) v *= load(b + i);
    if (c) v *= load(c + i);
    total += v;
  }
  float result = sum(total);
  for (; i < count; i++) result += (a[i] - shift) * (b ? b[i] : 1.0f) * (c ? c[i] : 1.0f);
  return result;
}

inline float squaresOf(const float* x, float shift, int64_t count) {
  vf total{};
  int64_t i = 0;
  for (; i + W <= count; i += W) {
    const vf v = load(x + i) - shift;
    total += v * v;
  }
  float result = sum(total);
  for (; i < count; i++) result += (x[i] - shift) * (x[i] - shift);
  return result;
}

/** Layer norm, or with `rms` the root-mean-square norm, which subtracts no mean and has no bias. */
template <bool rms>
void norm(const float* x, const float* weight, const float* bias, int64_t rows, int64_t columns, float epsilon,
          float* y) {
  parallelFor((rows + kNormRows - 1) / kNormRows, [&](int64_t task, int) {
    for (int64_t row = task * kNormRows; row < std::min(rows, (task + 1) * kNormRows); row++) {
      const float* from = x + row * columns;
      const float mean = rms ? 0.0f : meanOf(from, columns);
      const float inverse = 1 / std::sqrt(squaresOf(from, mean, columns) / static_cast<float>(columns) + epsilon);
      float* to = y + row * columns;
      for (int64_t i = 0; i < columns; i++)
        to[i] = (from[i] - mean) * inverse * weight[i] + (rms ? 0.0f : bias[i]);
    }
  });
}

template <bool rms>
void normGradient(const float* x, const float* weight, const float* dy, int64_t rows, int64_t columns, float epsilon,
                  float* dx, float* dweight, float* dbias) {
  const int64_t tasks = (rows + kNormRows - 1) / kNormRows;
  float* partial = nullptr;
  if (dweight) {
    partial = static_cast<float*>(scratch(0, slot::partials, tasks * 2 * columns * 4));
    std::fill(partial, partial + tasks * 2 * columns, 0.0f);
  }
  const auto size = static_cast<float>(columns);
  parallelFor(tasks, [&](int64_t task, int) {
    for (int64_t row = task * kNormRows; row < std::min(rows, (task + 1) * kNormRows); row++) {
      const float* from = x + row * columns;
      const float* gradient = dy + row * columns;
      float* to = dx + row * columns;
      const float mean = rms ? 0.0f : meanOf(from, columns);
      const float inverse = 1 / std::sqrt(squaresOf(from, mean, columns) / size + epsilon);
      const float along = dotOf(from, mean, weight, gradient, columns) * inverse * inverse / size;
      const float average = rms ? 0.0f : dotOf(weight, 0, gradient, nullptr, columns) / size;
      for (int64_t i = 0; i < columns; i++)
        to[i] = inverse * (weight[i] * gradient[i] - average - (from[i] - mean) * along);
      if (!dweight) continue;
      float* weightSums = partial + task * 2 * columns;
      float* biasSums = weightSums + columns;
      for (int64_t i = 0; i < columns; i++) {
        weightSums[i] += gradient[i] * (from[i] - mean) * inverse;
        biasSums[i] += gradient[i];
      }
    }
  });
  if (!dweight) return;
  std::fill(dweight, dweight + columns, 0.0f);
  if (dbias) std::fill(dbias, dbias + columns, 0.0f);
  for (int64_t task = 0; task < tasks; task++)
    for (int64_t i = 0; i < columns; i++) {
      dweight[i] += partial[task * 2 * columns + i];
      if (dbias) dbias[i] += partial[(task * 2 + 1) * columns + i];
    }
}

inline void rmsNorm(const float* x, const float* weight, int64_t rows, int64_t columns, float epsilon, float* y) {
  norm<true>(x, weight, nullptr, rows, columns, epsilon, y);
}

inline void rmsNormGradient(const float* x, const float* weight, const float* dy, int64_t rows, int64_t columns,
                            float epsilon, float* dx, float* dweight) {
  normGradient<true>(x, weight, dy, rows, columns, epsilon, dx, dweight, nullptr);
}

inline void layerNorm(const float* x, const float* weight, const float* bias, int64_t rows, int64_t columns,
                      float epsilon, float* y) {
  norm<false>(x, weight, bias, rows, columns, epsilon, y);
}

inline void layerNormGradient(const float* x, const float* weight, const float* dy, int64_t rows, int64_t columns,
                              float epsilon, float* dx, float* dweight, float* dbias) {
  normGradient<false>(x, weight, dy, rows, columns, epsilon, dx, dweight, dbias);
}

// ---- positions and rows

inline void rotary(const float* x, const float* cos, const float* sin, int64_t tokens, int64_t heads, int64_t headDim,
                   int64_t parts, float sign, float* y) {
  const int64_t half = headDim / parts / 2;
  constexpr int64_t kTokens = 16;
  parallelFor((tokens + kTokens - 1) / kTokens, [&](int64_t task, int) {
    for (int64_t token = task * kTokens; token < std::min(tokens, (task + 1) * kTokens); token++) {
      const float* c = cos + token * headDim / 2;
      const float* s = sin + token * headDim / 2;
      for (int64_t head = 0; head < heads; head++) {
        for (int64_t part = 0; part < parts; part++) {
          const int64_t at = (token * heads + head) * headDim + part * 2 * half;
          const float* pc = c + part * half;
          const float* ps = s + part * half;
          for (int64_t i = 0; i < half; i++) {
            const float first = x[at + i];
            const float second = x[at + half + i];
            y[at + i] = first * pc[i] - second * ps[i] * sign;
            y[at + half + i] = second * pc[i] + first * ps[i] * sign;
          }
        }
      }
    }
  });
}

/** Rows of a weight as fp32, the scales of int8 included. */
inline void decodeRow(const Weight& w, int64_t row, float* to) {
  WeightSource{w}.read(row, 0, w.columns, to);
  if (w.storage != Storage::int8) return;
  for (int64_t i = 0; i < w.columns; i++) to[i] *= w.scales[row];
}

inline void embedding(const int32_t* ids, int64_t count, const Weight& w, float* y) {
  constexpr int64_t kTokens = 16;
  parallelFor((count + kTokens - 1) / kTokens, [&](int64_t task, int) {
    for (int64_t i = task * kTokens; i < std::min(count, (task + 1) * kTokens); i++)
      decodeRow(w, ids[i], y + i * w.columns);
  });
}

/** Calls body(start, end) for pieces of the rows of about kPiece numbers, in all threads. */
template <class Body>
void inRows(int64_t rows, int64_t columns, Body&& body) {
  const int64_t piece = std::max<int64_t>(1, kPiece / std::max<int64_t>(1, columns));
  parallelFor((rows + piece - 1) / piece,
              [&](int64_t task, int) { body(task * piece, std::min(rows, (task + 1) * piece)); });
}

inline void copyColumns(const float* x, int64_t xColumns, int64_t rows, int64_t width, float* y, int64_t yColumns) {
  inRows(rows, width, [&](int64_t start, int64_t end) {
    for (int64_t row = start; row < end; row++)
      std::copy(x + row * xColumns, x + row * xColumns + width, y + row * yColumns);
  });
}

inline void addRow(const float* x, const float* row, int64_t rows, int64_t columns, float* y) {
  inRows(rows, columns, [&](int64_t start, int64_t end) {
    for (int64_t i = start; i < end; i++)
      for (int64_t j = 0; j < columns; j++) y[i * columns + j] = x[i * columns + j] + row[j];
  });
}

/** Each task takes some columns whole, so that sums do not depend on the number of threads. */
inline void columnSums(const float* x, int64_t rows, int64_t columns, float* y) {
  constexpr int64_t kColumnsOfTask = 64;
  parallelFor((columns + kColumnsOfTask - 1) / kColumnsOfTask, [&](int64_t task, int) {
    const int64_t start = task * kColumnsOfTask, count = std::min(columns - start, kColumnsOfTask);
    float sums[kColumnsOfTask] = {};
    for (int64_t row = 0; row < rows; row++)
      for (int64_t j = 0; j < count; j++) sums[j] += x[row * columns + start + j];
    std::copy(sums, sums + count, y + start);
  });
}

inline void decode(const Weight& w, int64_t start, int64_t end, float* target) {
  parallelFor(end - start, [&](int64_t i, int) { decodeRow(w, start + i, target + i * w.columns); });
}

// ---- the optimizer

inline double sumOfSquares(const float* x, int64_t size) {
  const int64_t tasks = (size + kPiece - 1) / kPiece;
  auto* sums = static_cast<double*>(scratch(0, slot::partials, tasks * 8));
  inPieces(size, [&](int64_t start, int64_t end) {
    double total = 0;
    for (int64_t i = start; i < end; i++) total += static_cast<double>(x[i]) * x[i];
    sums[start / kPiece] = total;
  });
  double total = 0;
  for (int64_t i = 0; i < tasks; i++) total += sums[i];
  return total;
}

inline void adamw(const float* value, const float* gradient, const float* mean, const float* square, int64_t size,
                  const AdamW& o, float* newValue, float* newMean, float* newSquare) {
  // Rounded once, after all else: of 1 − beta2 in fp32 four digits would be left.
  const auto rate = static_cast<float>(o.learningRate / o.correction1);
  const auto root = static_cast<float>(std::sqrt(o.correction2));
  const auto kept = static_cast<float>(1 - o.learningRate * o.weightDecay);
  const auto clip = static_cast<float>(o.gradientScale);
  const auto epsilon = static_cast<float>(o.epsilon);
  const auto beta1 = static_cast<float>(o.beta1), rest1 = static_cast<float>(1 - o.beta1);
  const auto beta2 = static_cast<float>(o.beta2), rest2 = static_cast<float>(1 - o.beta2);
  inPieces(size, [&](int64_t start, int64_t end) {
    for (int64_t i = start; i < end; i++) {
      const float g = gradient[i] * clip;
      const float m = mean[i] * beta1 + g * rest1;
      const float v = square[i] * beta2 + g * g * rest2;
      newMean[i] = m;
      newSquare[i] = v;
      newValue[i] = value[i] * kept - rate * m / (std::sqrt(v) / root + epsilon);
    }
  });
}

}  // namespace
}  // namespace evolve
