/**
 * The shape of a run's configuration, with its defaults: those of the Alpaca-CoT project, where it had one. The options of a
 * plugin (a quantizer, an adapter method, an optimizer, …) are checked by the plugin's own schema.
 */

import { z } from 'zod';
import { launchOf } from '../base/launch.js';
import { axolotlKeys } from './axolotl-keys.js';
import { DEFAULT_METHOD } from './layers.js';

const count = z.number().int().positive();

/** `int8` is short for `{ name: int8 }`. The other keys of the mapping are the plugin's options. */
const named = z.preprocess(
  (value) => (typeof value === 'string' ? { name: value } : value),
  z.looseObject({ name: z.string().min(1) }, { error: 'expected a name, or { name, options }' }),
);

/** Its name, or its number. */
const column = z.union([z.string().min(1), count]);

const texts = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);
const text = z.string().min(1).optional();

/** Where the data of a source is: of these keys it has one. */
export const PLACES = ['path', 'hub', 'datasetInfo'] as const;

/** How a source takes part in a pass through the data. */
export const shareKeys = {
  /** At most so many records. */
  limit: count.optional(),
  /** Its part of a pass, relative to those of the others. */
  weight: z.number().positive().optional(),
  /** How often each of its rows comes in a pass. */
  repeat: count.optional(),
};

const source = z.union([
  z.string().min(1),
  z
    .strictObject({
      path: text,
      /** A data set of a hub: `owner/name`. */
      hub: text,
      revision: text,
      subset: text,
      file: texts.optional(),
      /** A dataset_info.json of LLaMA-Factory, and the name of one of its descriptions. */
      datasetInfo: text,
      /** Without a place: a name of the catalogue. */
      name: text,
      format: text,
      encoding: text,
      split: text,
      language: text,
      columns: z.record(z.string(), z.union([column, z.array(column).min(1)])).optional(),
      roles: z
        .record(
          z.string(),
          z.union([
            z.enum(['system', 'user', 'assistant', 'tool', 'calls']),
            z.array(z.string().min(1)).min(1),
          ]),
        )
        .optional(),
      take: z.enum(['chosen']).optional(),
      ...shareKeys,
      ...axolotlKeys,
    })
    .superRefine((values, context) => {
      const given = PLACES.filter((key) => values[key] !== undefined);
      if (given.length === 1 || (given.length === 0 && values.name !== undefined)) return;
      const message =
        given.length === 0
          ? `expected one of ${PLACES.join(', ')}, which say where the data is`
          : `expected one of ${PLACES.join(', ')}, but got ${given.join(' and ')}`;
      context.addIssue({ code: 'custom', path: ['path'], message, input: undefined });
    }),
]);

const pluginEntry = z.preprocess(
  (value) => (typeof value === 'string' ? [value] : value),
  z.tuple([z.string().min(1), z.record(z.string(), z.unknown()).optional()], {
    error: 'expected the path or name of a plugin, or [name, { options }]',
  }),
);

const model = z.strictObject({
  path: z.string().min(1),
  backbone: z.string().min(1).default('auto'),
  /** `random` needs no weights in `path`. */
  init: z.enum(['checkpoint', 'random']).default('checkpoint'),
});
const quantizer = named.default({ name: 'none' });
const adapter = z.looseObject({ method: z.string().min(1).default(DEFAULT_METHOD) });
const template = named.default({ name: 'alpaca' });
const seed = z.number().int().nonnegative().max(0xffffffff).default(42);
const device = named.default({ name: 'auto' });
const plugins = z.array(pluginEntry).default([]);

/** What a model is made of: all that a command needs if it does not train. Each part is as in a run's configuration. */
export const assemblySchema = z.strictObject({
  model,
  quantizer,
  adapter: adapter.optional(),
  data: z.strictObject({ template }).prefault({}),
  train: z.strictObject({ seed }).prefault({}),
  device,
  plugins,
});

export const configSchema = z.strictObject({
  model,
  quantizer,
  adapter: adapter.prefault({}),
  data: z
    .strictObject({
      sources: z.array(source).min(1),
      edition: z.enum(['sample', 'full']).default('sample'),
      /** How examples read. */
      template,
      cutoffLength: count.default(512),
      /** How many rows are held out, or which share of them (below 1). The default is 2,000 or a tenth, whichever is less. */
      validationSize: z
        .number()
        .nonnegative()
        .refine((size) => size < 1 || Number.isInteger(size), 'Expected a whole number, or a share below 1')
        .optional(),
      shuffle: z.boolean().default(true),
      /** What becomes of a faulty record: `{ skip: 0.01 }` leaves out as many as one in a hundred. */
      onBadRow: z
        .union([z.enum(['stop', 'skip']), z.strictObject({ skip: z.number().min(0).max(1) })])
        .default('stop'),
      /** What becomes of a row that is longer than `cutoffLength`. */
      long: z.enum(['cut', 'drop', 'split']).default('cut'),
      packing: z.boolean().default(false),
      /** Where sources have weights: a pass ends when the first of them is used up, or goes on until all are. */
      stopping: z.enum(['first', 'all']).default('first'),
      /** Whether encoded rows are kept for later runs, where they are many. */
      cache: z.boolean().default(true),
    })
    .superRefine(({ sources }, context) => {
      const weightOf = (each: (typeof sources)[number]) =>
        typeof each === 'string' ? undefined : each.weight;
      const without = sources.findIndex((each) => weightOf(each) === undefined);
      if (without < 0 || sources.every((each) => weightOf(each) === undefined)) return;
      const message = 'expected a weight, as other sources have one';
      context.addIssue({ code: 'custom', path: ['sources', without], message, input: sources[without] });
    }),
  train: z
    .strictObject({
      perDeviceBatchSize: count.default(4),
      gradientAccumulationSteps: count.default(32),
      gradientCheckpointing: z.boolean().default(false),
      epochs: count.default(1),
      /** Optimizer steps; takes precedence over epochs. */
      maxSteps: count.optional(),
      objective: named.default({ name: 'next-token' }),
      optimizer: named.default({ name: 'adamw' }),
      learningRate: z.number().positive().default(3e-4),
      minLearningRate: z.number().nonnegative().default(0),
      /** The default is a tenth of the run, and at most 100 steps, unless warmupRatio is given. */
      warmupSteps: z.number().int().nonnegative().optional(),
      /** The warm-up as a share of the run's steps, instead of warmupSteps. */
      warmupRatio: z.number().min(0).max(1).optional(),
      scheduler: named.default({ name: 'linear' }),
      weightDecay: z.number().nonnegative().default(0),
      adamBeta1: z.number().min(0).lt(1).default(0.9),
      adamBeta2: z.number().min(0).lt(1).default(0.999),
      maxGradNorm: z.number().positive().default(1),
      seed,
      logEvery: count.default(1),
      evalEvery: count.default(200),
      saveEvery: count.default(200),
      /** What the run leaves is what it had learned at the best evaluation. */
      loadBestModelAtEnd: z.boolean().default(false),
      /** A metric, as evaluations name it; the best is the lowest, or with `greaterIsBetter` the highest. */
      metricForBestModel: z.string().min(1).default('evalLoss'),
      greaterIsBetter: z.boolean().default(false),
      /** The run ends when so many evaluations in a row were no better than the best, by more than the threshold. */
      earlyStoppingPatience: count.optional(),
      earlyStoppingThreshold: z.number().nonnegative().default(0),
      /** So many checkpoints stay, the newest ones, and that of the lowest held-out loss. With 0 none is written. */
      keepCheckpoints: z.number().int().nonnegative().default(2),
    })
    .superRefine(({ learningRate, minLearningRate, warmupSteps, warmupRatio }, context) => {
      if (learningRate > 0 && minLearningRate > learningRate) {
        const message = `expected at most learningRate, ${learningRate}`;
        context.addIssue({ code: 'custom', path: ['minLearningRate'], message, input: minLearningRate });
      }
      if (warmupSteps !== undefined && warmupRatio !== undefined) {
        const message = `expected warmupSteps or warmupRatio, but not both; warmupSteps is ${warmupSteps}`;
        context.addIssue({ code: 'custom', path: ['warmupRatio'], message, input: warmupRatio });
      }
    })
    .prefault({}),
  metrics: z.array(named).default([]),
  /** Who listens to the run, besides those that the command brings. */
  trackers: z.array(named).default([]),
  device,
  /** `auto` is that of MPI where MPI started this process as one of several. */
  world: named
    .default({ name: 'auto' })
    .transform((world) =>
      world.name === 'auto' ? { ...world, name: launchOf().size > 1 ? 'mpi' : 'single' } : world,
    ),
  plugins,
  output: z.string().min(1).optional(),
});

export type AssemblyValues = z.output<typeof assemblySchema>;
export type ConfigValues = z.output<typeof configSchema>;
