// The activations between two linear layers, with their gradients: SwiGLU and GELU in its tanh form.
#pragma once
#include "elements.hpp"

namespace evolve {
namespace {

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

}  // namespace
}  // namespace evolve
