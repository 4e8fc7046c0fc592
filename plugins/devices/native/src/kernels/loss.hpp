// The log-probabilities of labels, and the output layer with the cross-entropy in one: there, logits exist for a few
// hundred tokens at a time.
#pragma once
#include "elements.hpp"
#include "linear.hpp"
#include "product.hpp"

namespace evolve {
namespace {

/** How many multiplications take as long as an exponential, about. */
constexpr int64_t kExponential = 8;

inline double logSumExp(const float* logits, int64_t size) {
  vf most = set(-INFINITY);
  int64_t i = 0;
  for (; i + W <= size; i += W) most = maximum(load(logits + i), most);
  float largest = maximumOf(most);
  for (; i < size; i++) largest = std::max(largest, logits[i]);
  vf total{};
  for (i = 0; i + W <= size; i += W) total += exponential(load(logits + i) - largest);
  double sums = 0;
  for (int j = 0; j < W; j++) sums += total[j];
  for (; i < size; i++) sums += std::exp(logits[i] - largest);
  return largest + std::log(sums);
}

/** Logits -> their gradient, in place; returns logsumexp − logit[label]. */
inline double softmaxLoss(float* logits, int64_t size, int32_t label, bool gradient) {
  const double logSum = logSumExp(logits, size);
  const double loss = logSum - logits[label];
  if (!gradient) return loss;
  const auto shift = static_cast<float>(logSum);
  int64_t i = 0;
  for (; i + W <= size; i += W) store(logits + i, exponential(load(logits + i) - shift));
  for (; i < size; i++) logits[i] = std::exp(logits[i] - shift);
  logits[label] -= 1;
  return loss;
}

inline void logProbabilities(const float* logits, int64_t tokens, int64_t vocabulary, const int32_t* labels, float* y,
                             float* logSums) {
  parallelFor(tokens, tokens * vocabulary * kExponential, [&](int64_t token, int) {
    const float* row = logits + token * vocabulary;
    const double logSum = logSumExp(row, vocabulary);
    y[token] = static_cast<float>(row[labels[token]] - logSum);
    logSums[token] = static_cast<float>(logSum);
  });
}

inline void logProbabilitiesGradient(const float* logits, const float* logSums, const float* dy, int64_t tokens,
                                     int64_t vocabulary, const int32_t* labels, float* dlogits) {
  parallelFor(tokens, tokens * vocabulary * kExponential, [&](int64_t token, int) {
    const float shift = logSums[token], factor = -dy[token];
    float* gradient = dlogits + token * vocabulary;
    mapVectors({logits + token * vocabulary}, gradient, 0, vocabulary,
               [&](const vf* v, int64_t) { return factor * exponential(v[0] - shift); });
    gradient[labels[token]] += dy[token];
  });
}

inline double linearCrossEntropy(const float* x, int64_t tokens, const Weight& w, Compute compute, const float* bias,
                                 const int32_t* labels, int64_t pieceBytes, float* dx, float* dw,
                                 float* each) {
  const int64_t vocabulary = w.rows;
  const int64_t hidden = w.columns;
  constexpr int64_t kPanel = Bf16Lane::rows;
  const int64_t fitting = pieceBytes / 4 / vocabulary / kPanel * kPanel;
  const int64_t piece = std::clamp<int64_t>(fitting, kPanel, std::max<int64_t>(tokens, kPanel));
  auto* logits = static_cast<float*>(scratch(0, slot::logits, std::min(piece, tokens) * vocabulary * 4));
  auto* losses = static_cast<double*>(scratch(0, slot::losses, tokens * 8));
  // The softmax is spread over all tokens: its small differences are what int8 would lose.
  const Compute products = compute == Compute::int8 ? Compute::bf16 : compute;
  for (int64_t first = 0; first < tokens; first += piece) {
    const int64_t count = std::min(piece, tokens - first);
    linear(x + first * hidden, 0, count, w, products, 0, bias, nullptr, logits);
    parallelFor(count, count * vocabulary * kExponential, [&](int64_t row, int) {
      losses[first + row] = softmaxLoss(logits + row * vocabulary, vocabulary, labels[first + row], dx || dw);
    });
    if (dx) linearInputGradient(logits, count, w, products, 0, nullptr, dx + first * hidden);
    if (dw) product({logits, 1, vocabulary}, {x + first * hidden, hidden, 1}, vocabulary, hidden, count, first > 0, dw);
  }
  if (dw && tokens == 0) std::fill(dw, dw + vocabulary * hidden, 0.0f);
  double total = 0;
  for (int64_t i = 0; i < tokens; i++) {
    total += losses[i];
    each[i] = static_cast<float>(losses[i]);
  }
  return total;
}

}  // namespace
}  // namespace evolve
