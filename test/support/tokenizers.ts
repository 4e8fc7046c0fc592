import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { ModelRequest } from '../../core/index.js';
import {
  type LoadedTokenizer,
  loadTokenizer,
  type SentencePieceOptions,
} from '../../plugins/backbones/kit/tokenizer.js';
import { fixture } from './files.js';

type Files = Readonly<Record<string, Uint8Array | object>>;

/** What test/fixtures/make_tokenizers.py writes into tokenizers/expected.json. */
interface ExpectedTokenizers {
  readonly texts: readonly string[];
  /** Of each tokenizer: the ids of each text, and what they decode to. */
  readonly tokenizers: Readonly<Record<string, { ids: readonly number[][]; decoded: readonly string[] }>>;
}

export const EXPECTED = JSON.parse(
  readFileSync(fixture('tokenizers', 'expected.json'), 'utf8'),
) as ExpectedTokenizers;

/** The bytes of one of the tokenizers of test/fixtures/tokenizers/. */
export function tokenizerFile(name: string): Uint8Array {
  return readFileSync(fixture('tokenizers', name));
}

/** The tokenizer of a model that has these files: bytes, or values of JSON. */
export function tokenizerOf(files: Files, options?: SentencePieceOptions): Promise<LoadedTokenizer> {
  return loadTokenizer(requestOf(files), options);
}

/** Asks for a model that has these files. */
export function requestOf(files: Files): ModelRequest {
  const readFile = async (name: string) => {
    const file = files[name];
    return file === undefined || file instanceof Uint8Array ? file : Buffer.from(JSON.stringify(file));
  };
  return {
    path: 'models/mine',
    readFile,
    readJson: async (name: string) => {
      const bytes = await readFile(name);
      return bytes && JSON.parse(Buffer.from(bytes).toString());
    },
  } as ModelRequest;
}

/** That the tokenizer makes of all texts what the reference makes of them; `first` is the id of its first token. */
export function expectReference(tokenizer: LoadedTokenizer, name: string, first = 0): void {
  const { ids, decoded } = EXPECTED.tokenizers[name];
  for (const [i, text] of EXPECTED.texts.entries()) {
    const wanted = ids[i].map((id) => id + first);
    expect(tokenizer.encode(text), JSON.stringify(text)).to.deep.equal(wanted);
    expect(tokenizer.decode(wanted), JSON.stringify(text)).to.equal(decoded[i]);
  }
}
