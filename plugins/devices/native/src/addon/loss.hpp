// The log-probabilities of labels, and the output layer with the cross-entropy.
#pragma once

#include "arguments.hpp"
#include "device.hpp"

namespace evolve {

/** Argument i: a label a token. */
inline const int32_t* labelsOf(const Args& args, int i, int64_t tokens, int64_t vocabulary) {
  const int32_t* labels = args.integers(i, tokens);
  for (int64_t token = 0; token < tokens; token++)
    if (labels[token] < 0 || labels[token] >= vocabulary) args.fail(i, "holds a label outside the vocabulary");
  return labels;
}

/** (x, tokens, weight, compute, bias, labels, dx or null, dw or null, losses, pieceBytes) -> the summed loss */
inline napi_value linearCrossEntropy(const Args& args) {
  const int64_t tokens = args.integer(1);
  const Weight& w = args.weight(2);
  const int32_t* labels = labelsOf(args, 5, tokens, w.rows);
  return toValue(args.env, kernels->linearCrossEntropy(args.floats(0, tokens * w.columns), tokens, w, args.compute(3),
                                                       args.floatsOrNull(4, w.rows), labels, args.integer(9),
                                                       args.floatsOrNull(6, tokens * w.columns),
                                                       args.floatsOrNull(7, w.rows * w.columns), args.floats(8, tokens)));
}

/** (logits, tokens, vocabulary, labels, y, logSums) */
inline napi_value logProbabilities(const Args& args) {
  const int64_t tokens = args.integer(1), vocabulary = args.integer(2);
  kernels->logProbabilities(args.floats(0, tokens * vocabulary), tokens, vocabulary,
                            labelsOf(args, 3, tokens, vocabulary), args.floats(4, tokens), args.floats(5, tokens));
  return nullptr;
}

/** (logits, logSums, dy, tokens, vocabulary, labels, dlogits) */
inline napi_value logProbabilitiesGradient(const Args& args) {
  const int64_t tokens = args.integer(3), vocabulary = args.integer(4);
  kernels->logProbabilitiesGradient(args.floats(0, tokens * vocabulary), args.floats(1, tokens),
                                    args.floats(2, tokens), tokens, vocabulary,
                                    labelsOf(args, 5, tokens, vocabulary), args.floats(6, tokens * vocabulary));
  return nullptr;
}

}  // namespace evolve
