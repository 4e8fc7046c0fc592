import type { KernelAttrs } from '../../../core/index.js';

/**
 * The factors of one AdamW update (core/ops/adamw.ts), each computed in double and rounded once, by the kernel that takes it:
 * 1 − beta2 computed in fp32 would keep four digits. With them an update is
 *
 *     g ← clip · g;   m ← beta1 · m + rest1 · g;   v ← beta2 · v + rest2 · g²;   w ← kept · w − rate · m / (sqrt(v) / root + epsilon)
 */
export function adamwFactors(options: KernelAttrs<'AdamW'>): number[] {
  const { learningRate, beta1, beta2, epsilon, weightDecay, gradientScale: clip, step } = options;
  const [rest1, rest2, kept] = [1 - beta1, 1 - beta2, 1 - learningRate * weightDecay];
  const [rate, root] = [learningRate / (1 - beta1 ** step), Math.sqrt(1 - beta2 ** step)];
  return [clip, beta1, rest1, beta2, rest2, kept, rate, root, epsilon];
}
