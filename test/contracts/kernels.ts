/**
 * What the kernels of a device with memory of its own must yield: what the composed form of their op yields, forward and backward.
 *
 *     describeKernels({ title: 'cuda', describe: describeCuda, hold: expectOnCard });
 */

import type { KernelHost } from './kernel-host.js';
import { describeAttentionKernels } from './kernels-attention.js';
import { describeProductKernels } from './kernels-products.js';
import { describeRowKernels } from './kernels-rows.js';

export function describeKernels(host: KernelHost): void {
  describeRowKernels(host);
  describeProductKernels(host);
  describeAttentionKernels(host);
}
