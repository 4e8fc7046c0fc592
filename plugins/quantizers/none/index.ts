/** Leaves the frozen weights in the checkpoint's own type. */

import { DenseWeight, definePlugin, type FrozenWeight, z } from '../../../core/index.js';

export default definePlugin({
  name: 'none',
  apiVersion: 2,
  family: 'quantizers',
  schema: z.strictObject({ compute: z.enum(['bf16', 'fp32']).optional() }),
  apply(trainer, { compute }) {
    if (!compute) return;
    const withCompute = (weight: FrozenWeight) => {
      if (weight instanceof DenseWeight) {
        return new DenseWeight(weight.shape, weight.storage, weight.bytes, compute);
      }
      throw new TypeError(`compute is for weights in f32, f16 or bf16, but got one in ${weight.storage}`);
    };
    trainer.hooks.quantize.tap((model) => {
      for (const site of model.linears) if (!site.isOutput) site.weight = withCompute(site.weight);
      return model;
    });
  },
});
