/** The schema of a tokenizer.json, and of the parts that are read on their own. */

import { z } from '../../../../core/index.js';
import { tokenizerError } from './malformed.js';
import type { Part } from './text-steps.js';

const id = z.number().int().nonnegative();
const flag = z.boolean().nullish();

const addedTokenSchema = z.looseObject({
  id,
  content: z.string(),
  special: flag,
  normalized: flag,
  lstrip: flag,
  rstrip: flag,
  single_word: flag,
});

/** `added_tokens_decoder` of tokenizer_config.json: by ids. */
export const addedTokensSchema = z.record(z.string(), addedTokenSchema.omit({ id: true }));

/** added_tokens.json: content -> id. */
export const addedTokenTable = z.record(z.string(), id);

/** A part, or a sequence that holds its parts under this key. */
function partSchema(key: string): z.ZodType<Part> {
  const part: z.ZodType<Part> = z.lazy(() =>
    z
      .looseObject({ type: z.string(), [key]: z.array(part).optional() } as { type: z.ZodString })
      .refine((value) => value.type !== 'Sequence' || value[key], { path: [key], error: 'expected a list' }),
  );
  return part;
}

/** The whole file. */
export const schema = z.looseObject({
  added_tokens: z.array(addedTokenSchema).default([]),
  normalizer: partSchema('normalizers').nullish(),
  pre_tokenizer: partSchema('pretokenizers').nullish(),
  post_processor: partSchema('processors').nullish(),
  decoder: partSchema('decoders').nullish(),
  model: z.looseObject({ type: z.string().optional() }),
});

/** The model where its type is BPE. */
export const bpeSchema = z.looseObject({
  vocab: z.record(z.string(), id),
  /** Pairs; older files have strings with a space between the two. */
  merges: z.array(z.union([z.string().includes(' '), z.tuple([z.string(), z.string()])])),
  unk_token: z.string().nullish(),
  fuse_unk: flag,
  byte_fallback: flag,
  ignore_merges: flag,
});

/** What a post-processor puts around a text. */
export const templateSchema = z.looseObject({
  single: z.array(z.looseObject({ SpecialToken: z.looseObject({ id: z.string() }).optional() })),
  special_tokens: z.record(z.string(), z.looseObject({ ids: z.array(id) })),
});

export type AddedToken = z.infer<typeof addedTokenSchema>;
export type BpeModel = z.infer<typeof bpeSchema>;

/**
 * Checks a value of the file against its schema.
 *
 * @param at stands before the key that the error names: the path of `value` in the file
 * @throws EvolveError that names the first fault
 */
export function parse<T>(of: z.ZodType<T>, value: unknown, file: string, at = ''): T {
  const { data, error } = of.safeParse(value);
  if (!error) return data;
  const { path, message } = error.issues[0];
  throw tokenizerError(file, `${at}${path.join('.')}: ${message}`);
}
