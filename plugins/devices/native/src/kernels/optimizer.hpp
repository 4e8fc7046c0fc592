// The step of the optimizer: the gradients' sum of squares for clipping, and AdamW's update (arXiv 1711.05101).
#pragma once
#include "../kernels.hpp"
#include "elements.hpp"

namespace evolve {
namespace {

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
  // Each factor is computed in double and rounded once: 1 − beta2 computed in fp32 would keep four digits.
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
