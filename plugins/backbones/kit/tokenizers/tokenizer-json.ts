import { allAdded, finderOf } from './added-tokens.js';
import { checkModel, readModel } from './bpe-model.js';
import { byteOfToken, bytesOfCharacters } from './byte-alphabet.js';
import { decodeBytes } from './decode.js';
import { tokenizerError } from './malformed.js';
import { withoutSpaceBefore } from './space-before.js';
import { type Part, partsOf, readNormalizer, readPreTokenizer, unknown } from './text-steps.js';
import type { Additions, TextTokenizer } from './text-tokenizer.js';
import { type AddedToken, bpeSchema, parse, schema, templateSchema } from './tokenizer-json-schema.js';

/**
 * The tokenizer of a tokenizer.json, as Hugging Face's tokenizers saves it: byte-pair encoding, byte-level or
 * after SentencePiece. Ids are those of tokenizers with `encode_special_tokens`:
 * special tokens that stand in a text are characters like any.
 *
 * @param additions further tokens, and which are special beside those that the file says are
 *
 * @throws EvolveError if the file is malformed, or a part of a type that is not known
 */
export function readTokenizerJson(
  value: Record<string, unknown>,
  file: string,
  additions: Additions,
): TextTokenizer {
  const own = parse(schema, value, file);
  const json = additions.spaceBefore === false ? withoutSpaceBefore(own) : own;
  checkModel(json.model, file);
  const bpe = parse(bpeSchema, json.model, file, 'model.');
  const added = allAdded(json.added_tokens, additions.added, bpe.vocab);
  const contents = new Map(Object.entries(bpe.vocab));
  for (const { content, id } of added) contents.set(content, id);
  const special = new Set(added.filter((token) => token.special).map((token) => token.id));
  for (const [content, id] of contents) if (additions.isSpecial(content)) special.add(id);

  const model = readModel(bpe, partsOf(json.pre_tokenizer, 'pretokenizers'), special, file);
  const preTokenize = readPreTokenizer(json.pre_tokenizer, file);
  const normalize = readNormalizer(json.normalizer, file);
  // A normalized token is found only after the text between the others is normalized.
  const isLate = ({ id, normalized }: AddedToken) => normalized === true && !special.has(id);
  const findLate = finderOf(
    added.filter(isLate).map((token) => ({ ...token, content: normalize(token.content) })),
  );
  const tokens = new Map(Array.from(contents, ([content, id]) => [id, content]));
  // Those that other files call special may be no added tokens.
  const listed = new Set(added.map(({ id }) => id));
  const unlisted = [...special].flatMap((id) => (listed.has(id) ? [] : [{ id, content: tokens.get(id)! }]));
  const textTokenOf = (id: number) => (special.has(id) ? undefined : tokens.get(id));
  return {
    vocabularySize: [...contents.values()].reduce((highest, id) => Math.max(highest, id), -1) + 1,
    idOf: (content) => contents.get(content),
    textTokenOf,
    start: startOf(json.post_processor, file),
    added: [...added.filter((token) => !isLate(token)), ...unlisted].map((token) => ({
      ...token,
      special: special.has(token.id),
    })),
    encodeBetween: (text, isFirst) => {
      const ids: number[] = [];
      for (const { piece, start } of findLate(normalize(text))) {
        if (typeof piece === 'number') ids.push(piece);
        else for (const word of preTokenize(piece, isFirst && start === 0)) model(word, ids);
      }
      return ids;
    },
    decode: readDecoder(json.decoder, textTokenOf, file),
  };
}

/** ByteLevel changes only where tokens stand in the text, which is not asked for. */
const POST_PROCESSORS = ['TemplateProcessing', 'ByteLevel'];

/** The ids with which the post-processor begins a text. */
function startOf(part: Part | null | undefined, file: string): number[] {
  const parts = partsOf(part, 'processors');
  const foreign = parts.find(({ type }) => !POST_PROCESSORS.includes(type));
  if (foreign) throw unknown('post_processor', foreign, POST_PROCESSORS, file);
  // Of several each stands around what the one before it made.
  const templates = parts.filter(({ type }) => type === 'TemplateProcessing').reverse();
  return templates.flatMap((template) => startOfTemplate(template, file));
}

function startOfTemplate(template: Part, file: string): number[] {
  const { single, special_tokens: specials } = parse(templateSchema, template, file, 'post_processor.');
  const end = single.findIndex((piece) => !piece.SpecialToken);
  return single.slice(0, end).flatMap(({ SpecialToken }) => {
    const { id: name } = SpecialToken!;
    if (Object.hasOwn(specials, name)) return specials[name].ids;
    throw tokenizerError(file, `its post_processor has no ids of its token ${JSON.stringify(name)}`);
  });
}

function readDecoder(
  decoder: Part | null | undefined,
  textTokenOf: TextTokenizer['textTokenOf'],
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

  const bytesOf = (id: number): Uint8Array | undefined => {
    const token = textTokenOf(id);
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
