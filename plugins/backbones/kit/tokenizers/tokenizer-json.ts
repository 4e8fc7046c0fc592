import { z } from '../../../../core/index.js';
import { BYTE_CHARACTERS, byteOfToken, bytesOfCharacters, tokenOfByte } from './byte-alphabet.js';
import { BytePairEncoder, Cutter, type Merge } from './byte-pair-encoder.js';
import { decodeBytes } from './decode.js';
import { tokenizerError } from './faults.js';
import { escapeRegExp, type Part, partsOf, readNormalizer, readPreTokenizer, unknown } from './text-steps.js';
import { fuseRuns, type IsSpecial, type TextTokenizer } from './text-tokenizer.js';

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

/** A part, or a sequence of parts under this key. */
function partSchema(key: string): z.ZodType<Part> {
  const part: z.ZodType<Part> = z.lazy(() =>
    z
      .looseObject({ type: z.string(), [key]: z.array(part).optional() } as { type: z.ZodString })
      .refine((value) => value.type !== 'Sequence' || value[key], { path: [key], error: 'expected a list' }),
  );
  return part;
}

const schema = z.looseObject({
  added_tokens: z.array(addedTokenSchema).default([]),
  normalizer: partSchema('normalizers').nullish(),
  pre_tokenizer: partSchema('pretokenizers').nullish(),
  post_processor: partSchema('processors').nullish(),
  decoder: partSchema('decoders').nullish(),
  model: z.looseObject({ type: z.string().optional() }),
});

const bpeSchema = z.looseObject({
  vocab: z.record(z.string(), id),
  /** Pairs; in older files with a space between. */
  merges: z.array(z.union([z.string().includes(' '), z.tuple([z.string(), z.string()])])),
  unk_token: z.string().nullish(),
  fuse_unk: flag,
  byte_fallback: flag,
  ignore_merges: flag,
});

/** What a post-processor puts around a text. */
const templateSchema = z.looseObject({
  single: z.array(z.looseObject({ SpecialToken: z.looseObject({ id: z.string() }).optional() })),
  special_tokens: z.record(z.string(), z.looseObject({ ids: z.array(id) })),
});

type AddedToken = z.infer<typeof addedTokenSchema>;
type BpeModel = z.infer<typeof bpeSchema>;

/**
 * The tokenizer of a tokenizer.json, as Hugging Face's tokenizers saves it: byte-pair encoding, byte-level (BLOOM,
 * Llama 3, Qwen2, SmolLM2) or after SentencePiece (LLaMA). Ids are those of tokenizers with `encode_special_tokens`:
 * special tokens that stand in a text are characters like any, and `isSpecial` says which are so beside those of the file.
 *
 * @throws EvolveError where the file is malformed, or a part of a type that is not known
 */
export function readTokenizerJson(
  value: Record<string, unknown>,
  file: string,
  isSpecial: IsSpecial,
): TextTokenizer {
  const json = parse(schema, value, file);
  checkModel(json.model, file);
  const bpe = parse(bpeSchema, json.model, file, 'model.');
  const added = json.added_tokens;
  const contents = new Map(Object.entries(bpe.vocab));
  for (const { content, id } of added) contents.set(content, id);
  const special = new Set(added.filter((token) => token.special).map((token) => token.id));
  for (const [content, id] of contents) if (isSpecial(content, id)) special.add(id);

  const model = readModel(bpe, partsOf(json.pre_tokenizer, 'pretokenizers'), special, file);
  const preTokenize = readPreTokenizer(json.pre_tokenizer, file);
  const plain = added.filter(({ id }) => !special.has(id));
  const split = readAddedTokens(plain, readNormalizer(json.normalizer, file));
  return {
    vocabularySize: [...contents.values()].reduce((highest, id) => Math.max(highest, id), -1) + 1,
    idOf: (content) => contents.get(content),
    start: startOf(json.post_processor, file),
    encode: (text) => {
      const ids: number[] = [];
      split(text, (part, isFirst) => {
        if (typeof part === 'number') ids.push(part);
        else for (const word of preTokenize(part, isFirst)) model(word, ids);
      });
      return ids;
    },
    decode: readDecoder(json.decoder, contents, special, file),
  };
}

/** @throws EvolveError that names the first thing in the file that is not as it must be; `at` stands before its key */
function parse<T>(of: z.ZodType<T>, value: unknown, file: string, at = ''): T {
  const { data, error } = of.safeParse(value);
  if (!error) return data;
  const { path, message } = error.issues[0];
  throw tokenizerError(file, `${at}${path.join('.')}: ${message}`);
}

/** Appends the ids of a word. */
type WordEncoder = (word: string, ids: number[]) => void;

function readModel(
  model: BpeModel,
  preTokenizers: readonly Part[],
  special: ReadonlySet<number>,
  file: string,
): WordEncoder {
  const vocabulary = new Map(Object.entries(model.vocab).filter(([, id]) => !special.has(id)));
  const merges = readMerges(model, vocabulary, special, file);
  const unknownIds = model.unk_token ? [model.vocab[model.unk_token]].filter((id) => id !== undefined) : [];
  const byteIds = (name: (byte: number) => string) =>
    Array.from({ length: 256 }, (_, byte) => vocabulary.get(name(byte)));

  if (preTokenizers.some(({ type }) => type === 'ByteLevel')) {
    const ofByte = byteIds((byte) => BYTE_CHARACTERS[byte]).map((id) =>
      id === undefined ? unknownIds : [id],
    );
    const symbolsOf = (word: string) => Array.from(Buffer.from(word), (byte) => ofByte[byte]).flat();
    const whole = (word: string) =>
      vocabulary.get(Array.from(Buffer.from(word), (byte) => BYTE_CHARACTERS[byte]).join(''));
    const encoder = new BytePairEncoder(merges, (word) => {
      const id = model.ignore_merges ? whole(word) : undefined;
      return id === undefined ? symbolsOf(word) : [id];
    });
    return (word, ids) => append(encoder.encode(word), ids);
  }

  const ofByte = byteIds(tokenOfByte);
  const symbolsOf = (character: string): readonly number[] => {
    const id = vocabulary.get(character);
    if (id !== undefined) return [id];
    const bytes = model.byte_fallback ? Array.from(Buffer.from(character), (byte) => ofByte[byte]) : [];
    return bytes.length > 0 && bytes.every((byte) => byte !== undefined) ? bytes : unknownIds;
  };
  const encoder = new BytePairEncoder(merges, (part) => Array.from(part, symbolsOf).flat());
  const cutter = new Cutter(vocabulary.keys());
  const fused = model.fuse_unk ? unknownIds[0] : undefined;
  return (word, ids) => {
    const id = model.ignore_merges ? vocabulary.get(word) : undefined;
    if (id !== undefined) {
      ids.push(id);
      return;
    }
    const start = ids.length;
    cutter.cut(word, (part) => append(encoder.encode(part), ids));
    if (fused !== undefined) fuseRuns(fused, ids, start);
  };
}

function append(more: readonly number[], ids: number[]): void {
  for (const id of more) ids.push(id);
}

/** A merge that would make a special token from text is left out: `</s>` is data. */
function readMerges(
  model: BpeModel,
  vocabulary: ReadonlyMap<string, number>,
  special: ReadonlySet<number>,
  file: string,
): Merge[] {
  return model.merges.flatMap((pair, rank) => {
    const space = typeof pair === 'string' ? pair.indexOf(' ') : 0;
    const [left, right] = typeof pair === 'string' ? [pair.slice(0, space), pair.slice(space + 1)] : pair;
    const merge = { left, right, merged: left + right };
    const missing = Object.values(merge).find((token) => !Object.hasOwn(model.vocab, token));
    if (missing !== undefined) {
      throw tokenizerError(file, `"${missing}" of merge ${rank + 1} is not in its vocabulary`);
    }
    if (Object.values(merge).some((token) => special.has(model.vocab[token]))) return [];
    const [l, r, merged] = [left, right, left + right].map((token) => vocabulary.get(token)!);
    return [{ left: l, right: r, rank, merged }];
  });
}

function checkModel(model: Readonly<Record<string, unknown>>, file: string): void {
  // Old files leave the type out.
  const type = String(model.type ?? (model.merges ? 'BPE' : 'unknown'));
  if (type !== 'BPE') throw unknown('model', { type }, ['BPE'], file);
  const refused = ['dropout', 'continuing_subword_prefix', 'end_of_word_suffix'].find((key) => model[key]);
  if (refused)
    throw tokenizerError(
      file,
      `its model has ${refused} ${JSON.stringify(model[refused])}`,
      'Only null is known here.',
    );
}

/** ByteLevel changes only where tokens stand in the text, which is not asked for. */
const POST_PROCESSORS = ['TemplateProcessing', 'ByteLevel'];

/** The ids with which the post-processor begins a text. */
function startOf(part: Part | null | undefined, file: string): number[] {
  const parts = partsOf(part, 'processors');
  const foreign = parts.find(({ type }) => !POST_PROCESSORS.includes(type));
  if (foreign) throw unknown('post_processor', foreign, POST_PROCESSORS, file);
  const template = parts.find(({ type }) => type === 'TemplateProcessing');
  if (!template) return [];
  const { single, special_tokens: specials } = parse(templateSchema, template, file, 'post_processor.');
  const end = single.findIndex((piece) => !piece.SpecialToken);
  return single.slice(0, end).flatMap(({ SpecialToken }) => {
    const { id: name } = SpecialToken!;
    if (Object.hasOwn(specials, name)) return specials[name].ids;
    throw tokenizerError(file, `its post_processor has no ids of its token ${JSON.stringify(name)}`);
  });
}

/**
 * Added tokens that are not special are found in texts before anything else, the leftmost first and the longest of
 * those; a `normalized` one only once the text between the others is normalized.
 *
 * @returns what calls `use` with the ids of such tokens and with the normalized text between
 */
function readAddedTokens(tokens: readonly AddedToken[], normalize: (text: string) => string) {
  const raw = matcherOf(tokens.filter(({ normalized }) => !normalized));
  const normalized = matcherOf(
    tokens
      .filter((token) => token.normalized)
      .map((token) => ({ ...token, content: normalize(token.content) })),
  );
  return (text: string, use: (part: number | string, isFirst: boolean) => void): void => {
    let isFirst = true;
    const pass = (part: number | string) => {
      use(part, isFirst);
      isFirst = false;
    };
    raw(text, (part) => {
      if (typeof part === 'number') pass(part);
      else normalized(normalize(part), pass);
    });
  };
}

function matcherOf(tokens: readonly AddedToken[]) {
  const ids = new Map(tokens.map(({ content, id }) => [content, id]));
  const alternatives = [...tokens]
    .sort((a, b) => b.content.length - a.content.length)
    .map(({ content, lstrip, rstrip, single_word }) => {
      const escaped = escapeRegExp(content);
      const word = single_word ? `(?<![\\p{L}\\p{N}_])(${escaped})(?![\\p{L}\\p{N}_])` : `(${escaped})`;
      return `${lstrip ? '\\p{White_Space}*' : ''}${word}${rstrip ? '\\p{White_Space}*' : ''}`;
    });
  const pattern = tokens.length > 0 ? new RegExp(alternatives.join('|'), 'gu') : undefined;
  return (text: string, use: (part: number | string) => void): void => {
    let end = 0;
    for (const match of pattern ? text.matchAll(pattern) : []) {
      if (match.index > end) use(text.slice(end, match.index));
      use(ids.get(match.slice(1).find((content) => content !== undefined)!)!);
      end = match.index + match[0].length;
    }
    if (end < text.length) use(text.slice(end));
  };
}

function readDecoder(
  decoder: Part | null | undefined,
  contents: ReadonlyMap<string, number>,
  special: ReadonlySet<number>,
  file: string,
): (ids: readonly number[]) => string {
  if (!decoder) throw tokenizerError(file, 'it has no decoder');
  const parts = partsOf(decoder, 'decoders');
  const known = ['ByteLevel', 'ByteFallback', 'Fuse', 'Metaspace', 'Replace', 'Strip', 'Sequence'];
  const stranger = parts.find(({ type }) => !known.includes(type));
  if (stranger) throw unknown('decoder', stranger, known, file);
  const has = (type: string) => parts.some((part) => part.type === type);
  const strip = parts.reduce((count, part) => {
    if (part.type === 'Strip') return count + Number(part.start);
    return part.type === 'Metaspace' && part.prepend_scheme !== 'never' ? count + 1 : count;
  }, 0);
  const replacements = parts.flatMap((part) => {
    if (part.type === 'Metaspace') return [{ from: String(part.replacement), to: ' ' }];
    if (part.type !== 'Replace') return [];
    const from = (part.pattern as { String?: string } | undefined)?.String;
    if (from !== undefined) return [{ from, to: String(part.content) }];
    throw tokenizerError(
      file,
      `its decoder replaces ${JSON.stringify(part.pattern)}`,
      'A String is known here.',
    );
  });
  const textOf = (token: string) =>
    replacements.reduce((text, { from, to }) => text.replaceAll(from, to), token);

  const tokens = new Map(Array.from(contents, ([content, id]) => [id, content]));
  const bytesOf = (id: number): Uint8Array | undefined => {
    const token = special.has(id) ? undefined : tokens.get(id);
    if (token === undefined) return undefined;
    if (has('ByteLevel')) return bytesOfCharacters(token);
    const byte = has('ByteFallback') ? byteOfToken(token) : undefined;
    return byte === undefined ? Buffer.from(textOf(token)) : Uint8Array.of(byte);
  };
  return (ids) =>
    decodeBytes(
      ids.flatMap((id) => bytesOf(id) ?? []),
      strip,
    );
}
