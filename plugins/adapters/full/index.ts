/** Full-parameter training: every parameter of the model is trained, in fp32, and the whole model is saved. */

import {
  Breath,
  DENSE_TYPES,
  type DenseType,
  DenseWeight,
  definePlugin,
  type EmbeddingSite,
  EvolveError,
  type FrozenWeight,
  inCheckpoint,
  type LinearSite,
  ModelFolder,
  type SaveRequest,
  type TensorToWrite,
  z,
} from '../../../core/index.js';
import { type Matrix, TrainableEmbedding, TrainableLinear, variableOf } from './layers.js';

export default definePlugin({
  name: 'full',
  apiVersion: 2,
  family: 'adapters',
  schema: z.strictObject({
    /** The type of the saved weights; where it is not said, that of the checkpoint. */
    dtype: z.enum(Object.keys(DENSE_TYPES) as [DenseType, ...DenseType[]]).optional(),
  }),
  apply(trainer, options) {
    const { name, compute } = trainer.config.quantizer;
    if (name !== 'none' || (compute ?? 'fp32') !== 'fp32') {
      const found = name === 'none' ? `quantizer.compute is ${compute}` : `quantizer is ${name}`;
      const message = `adapter.method is full, which trains the weights in fp32, but ${found}`;
      throw new EvolveError('CONFIG_INVALID', message, 'Leave quantizer out, or take adapter.method: lora.', {
        at: ['quantizer'],
      });
    }

    let folder: ModelFolder;
    trainer.hooks.injectAdapters.tap(async (model, files, { signal }) => {
      const breath = new Breath(signal);
      const { storage } = model.linears[0].weight;
      folder = await ModelFolder.like(model, files, options.dtype ?? (storage as DenseType));
      model.saves = 'model';
      // Tied layers have one weight, and one variable.
      const variables = new Map<FrozenWeight, Matrix>();
      const variableFor = (site: EmbeddingSite | LinearSite): Matrix => {
        let variable = variables.get(site.weight);
        if (!variable) {
          variable = variableOf(site.weight);
          variables.set(site.weight, variable);
          model.trainable.set(`${site.name}.weight`, variable);
        }
        return variable;
      };
      for (const site of model.embeddings) site.adapter = new TrainableEmbedding(variableFor(site));
      for (const site of model.linears) {
        if (breath.isDue) await breath.take();
        site.adapter = new TrainableLinear(variableFor(site));
        // Attention is computed in the arithmetic of its layers.
        if (!site.isOutput) site.weight = inFp32(site.weight);
      }
      for (const [name, vector] of model.vectors) model.trainable.set(name, vector);
      return model;
    });
    trainer.hooks.save.tap(async (request) => folder.write(await trained(request), request));
  },
});

/** @throws Error if a value is no number, which nobody could use */
async function trained({ model }: SaveRequest): Promise<Map<string, TensorToWrite>> {
  const tensors = new Map<string, TensorToWrite>();
  const layouts = new Map(model.linears.map(({ name, layout }) => [`${name}.weight`, layout]));
  for (const [name, variable] of model.trainable) {
    const values = (await variable.data()) as Float32Array;
    if (!values.every(Number.isFinite)) throw new Error(`${name} holds a value that is no finite number`);
    tensors.set(name, inCheckpoint({ shape: variable.shape, values }, layouts.get(name) ?? 'out-in'));
  }
  return tensors;
}

function inFp32(weight: FrozenWeight): FrozenWeight {
  if (!(weight instanceof DenseWeight))
    throw new TypeError(`a weight in ${weight.storage} cannot be trained`);
  return new DenseWeight(weight.shape, weight.storage, weight.bytes, 'fp32');
}
