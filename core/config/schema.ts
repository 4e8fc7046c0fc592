/**
 * The shape of a run's configuration, with its defaults (those of the Alpaca-CoT project where it had one).
 * Options of a template, a quantizer, an adapter method or a device are checked by the plugin's own schema.
 */

import { z } from 'zod';

const count = z.number().int().positive();

/** `int8` is short for `{ name: int8 }`; what else the mapping holds are the plugin's options. */
const named = z.preprocess(
  (value) => (typeof value === 'string' ? { name: value } : value),
  z.looseObject({ name: z.string().min(1) }),
);

const source = z.union([
  z.string().min(1),
  z.strictObject({
    path: z.string().min(1),
    format: z.string().min(1),
    limit: count.optional(),
  }),
]);

const pluginEntry = z.preprocess(
  (value) => (typeof value === 'string' ? [value] : value),
  z.tuple([z.string().min(1), z.record(z.string(), z.unknown()).optional()]),
);

export const configSchema = z.strictObject({
  model: z.strictObject({
    path: z.string().min(1),
    backbone: z.string().min(1).default('auto'),
    /** `random` needs no weights in `path`. */
    init: z.enum(['checkpoint', 'random']).default('checkpoint'),
  }),
  quantizer: named.default({ name: 'none' }),
  adapter: z.looseObject({ method: z.string().min(1).default('lora') }).prefault({}),
  data: z.strictObject({
    sources: z.array(source).min(1),
    edition: z.enum(['sample', 'full']).default('sample'),
    /** How examples read. */
    template: named.default({ name: 'alpaca' }),
    cutoffLength: count.default(512),
    /** Rows held out; where nothing is said, 2,000 or a tenth of the rows, whichever is less. */
    validationSize: z.number().int().nonnegative().optional(),
    shuffle: z.boolean().default(true),
    packing: z.boolean().default(false),
  }),
  train: z
    .strictObject({
      perDeviceBatchSize: count.default(4),
      gradientAccumulationSteps: count.default(32),
      gradientCheckpointing: z.boolean().default(false),
      epochs: count.default(1),
      /** Optimizer steps; takes precedence over epochs. */
      maxSteps: count.optional(),
      learningRate: z.number().positive().default(3e-4),
      minLearningRate: z.number().nonnegative().default(0),
      warmupSteps: z.number().int().nonnegative().default(100),
      scheduler: z.enum(['linear', 'cosine']).default('linear'),
      weightDecay: z.number().nonnegative().default(0),
      adamBeta1: z.number().min(0).lt(1).default(0.9),
      adamBeta2: z.number().min(0).lt(1).default(0.999),
      maxGradNorm: z.number().positive().default(1),
      seed: z.number().int().nonnegative().max(0xffffffff).default(42),
      logEvery: count.default(1),
      evalEvery: count.default(200),
      saveEvery: count.default(200),
    })
    .superRefine(({ learningRate, minLearningRate: input }, context) => {
      if (input <= learningRate) return;
      const message = `expected at most learningRate, ${learningRate}`;
      context.addIssue({ code: 'custom', path: ['minLearningRate'], message, input });
    })
    .prefault({}),
  device: named.default({ name: 'auto' }),
  plugins: z.array(pluginEntry).default([]),
  output: z.string().min(1).optional(),
});

export type ConfigValues = z.output<typeof configSchema>;
