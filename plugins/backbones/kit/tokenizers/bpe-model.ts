/** The model of a tokenizer.json, which makes ids of words: byte-pair encoding, over bytes or over characters. */

import { BYTE_CHARACTERS, tokenOfByte } from './byte-alphabet.js';
import { BytePairEncoder, Cutter, type Merge } from './byte-pair-encoder.js';
import { tokenizerError } from './malformed.js';
import { type Part, unknown } from './text-steps.js';
import { fuseRuns } from './text-tokenizer.js';
import type { BpeModel } from './tokenizer-json-schema.js';

/** Appends the ids of a word to `ids`. */
type WordEncoder = (word: string, ids: number[]) => void;

/**
 * @param special ids that no text yields
 * @throws EvolveError if a merge needs a token that the vocabulary lacks
 */
export function readModel(
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

/** Leaves out merges that would make a special token from text: there `</s>` is data. */
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

/** @throws EvolveError if the model is no BPE, or has a setting that is not known */
export function checkModel(model: Readonly<Record<string, unknown>>, file: string): void {
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
