/**
 * The ways of cutting text into words that have a name in GGUF (`tokenizer.ggml.pre`), and the same in tokenizer.json.
 * Names and patterns: llama.cpp, llama-vocab.cpp; spellings: Hugging Face's tokenizers.
 */

import { type Part, partsOf } from '../../backbones/kit/tokenizers/text-steps.js';

/** GPT-2's words: a space and letters, a space and digits, a space and others, runs of white space. */
const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** Letters with what stands before them, digits, so many of them, signs with the line ends behind them, white space. */
const wordsWithDigits = (digits: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
const WORDS_AND_3_DIGITS = wordsWithDigits('{1,3}');
const QWEN2 = wordsWithDigits('');

export interface PreTokenizer {
  /** Patterns that cut a text, each what the one before it left. */
  readonly patterns: readonly string[];
  readonly nfc?: boolean;
  readonly ignoreMerges?: boolean;
  /** What holds where the file does not say whether texts begin with the beginning-of-text token. */
  readonly addBos?: boolean;
}

const TIKTOKEN_BPE: PreTokenizer = { patterns: [WORDS_AND_3_DIGITS], ignoreMerges: true, addBos: true };
const SMOLLM: PreTokenizer = { patterns: ['\\p{N}', GPT2] };
const PLAIN: PreTokenizer = { patterns: [GPT2] };

/**
 * Name -> how that model's own tokenizer.json cuts texts (default: how llama.cpp does). Of several names for one and the
 * same, the first is the one that is written.
 */
export const PRE_TOKENIZERS: Readonly<Record<string, PreTokenizer>> = {
  default: { patterns: ['[\\p{P}\\$\\+<=>\\^~\\|]+', GPT2, '\\p{N}+', '[0-9][0-9][0-9]'] },
  'gpt-2': PLAIN,
  mpt: { ...PLAIN, nfc: true },
  olmo: { ...PLAIN, nfc: true },
  'llama-bpe': TIKTOKEN_BPE,
  'llama-v3': TIKTOKEN_BPE,
  llama3: TIKTOKEN_BPE,
  smollm: SMOLLM,
  starcoder: SMOLLM,
  codeshell: SMOLLM,
  qwen2: { patterns: [QWEN2], nfc: true },
  'deepseek-r1-qwen': { patterns: [QWEN2] },
  bloom: { patterns: [' ?[^(\\s|[.,!?…。，、।۔،])]+'] },
};

/** What of a byte-level tokenizer.json decides about its words. */
interface WordRules {
  readonly normalizer?: Part | null;
  readonly pre_tokenizer?: Part | null;
  readonly model: { readonly ignore_merges?: boolean };
}

/** The name of what is exactly this way of cutting text; undefined if there is none. */
export function preTokenizerName({ normalizer, pre_tokenizer, model }: WordRules): string | undefined {
  const normalizers = partsOf(normalizer, 'normalizers').map(({ type }) => type);
  const patterns = patternsOf(partsOf(pre_tokenizer, 'pretokenizers'));
  if (!patterns || normalizers.some((type) => type !== 'NFC')) return undefined;
  const wanted = textOf({ patterns, nfc: normalizers.length > 0, ignoreMerges: model.ignore_merges });
  return Object.keys(PRE_TOKENIZERS).find((name) => textOf(PRE_TOKENIZERS[name]) === wanted);
}

function textOf({ patterns, nfc = false, ignoreMerges = false }: PreTokenizer): string {
  return JSON.stringify([patterns, nfc, ignoreMerges]);
}

/** undefined where a part is none that cuts at the matches of a pattern and keeps everything. */
function patternsOf(parts: readonly Part[]): string[] | undefined {
  const bytes = parts.at(-1);
  if (bytes?.type !== 'ByteLevel' || bytes.add_prefix_space) return undefined;
  const patterns = parts.slice(0, -1).map(patternOf);
  if (bytes.use_regex !== false) patterns.push(GPT2);
  return patterns.every((pattern) => pattern !== undefined) ? patterns : undefined;
}

function patternOf(part: Part): string | undefined {
  if (part.type === 'Digits') return part.individual_digits ? '\\p{N}' : '\\p{N}+';
  const isolates = part.type === 'Split' && part.behavior === 'Isolated' && !part.invert;
  return isolates ? (part.pattern as { Regex?: string }).Regex : undefined;
}
