import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { EvolveError, type ModelRequest, type Tokenizer } from '../../core/index.js';

interface TokenizerJson {
  readonly added_tokens?: readonly { id: number; content: string; special: boolean }[];
}

/**
 * The tokenizer of a Hugging Face folder: tokenizer.json, with tokenizer_config.json and config.json for the
 * special tokens. Text never yields a special token: `</s>` in an instruction is five characters of data.
 *
 * @throws EvolveError where tokenizer.json is missing or names no end token
 */
export async function loadTokenizer(request: ModelRequest): Promise<Tokenizer> {
  const json = (await request.readJson('tokenizer.json')) as TokenizerJson | undefined;
  if (!json) {
    const message = `${request.path}: there is no tokenizer.json`;
    throw new EvolveError(
      'MODEL_INVALID',
      message,
      'Save the tokenizer with transformers (AutoTokenizer, save_pretrained).',
    );
  }
  const settings = (await request.readJson('tokenizer_config.json')) ?? {};
  const config = (await request.readJson('config.json')) ?? {};

  // As in transformers, text is tidied (" ?" -> "?") only where the settings say so; the library's default differs.
  const whole = new HuggingFaceTokenizer(json, { clean_up_tokenization_spaces: false, ...settings });
  const plainTokens = json.added_tokens?.filter((token) => !token.special) ?? [];
  const ofText = new HuggingFaceTokenizer(
    { ...json, added_tokens: plainTokens },
    { ...settings, added_tokens_decoder: {} },
  );
  const special = new Set(json.added_tokens?.filter((token) => token.special).map((token) => token.id));

  const idOf = (name: 'bos' | 'eos'): number | undefined => {
    const token = settings[`${name}_token`] as string | { content: string } | null | undefined;
    const content = typeof token === 'string' ? token : token?.content;
    const id = content === undefined ? undefined : whole.token_to_id(content);
    const configured = config[`${name}_token_id`];
    return (
      id ?? [configured].flat().find((value): value is number => typeof value === 'number' && value >= 0)
    );
  };
  const eosId = idOf('eos');
  if (eosId === undefined) {
    const message = `${request.path}: neither tokenizer_config.json nor config.json names an end token`;
    throw new EvolveError('MODEL_INVALID', message, 'Set eos_token in tokenizer_config.json.');
  }
  // Whether texts begin with the beginning-of-text token is for the tokenizer to say, not for its mere existence.
  const [first] = whole.encode('a').ids;
  const bosId = idOf('bos');
  return {
    vocabularySize: whole.get_vocab().size,
    bosId: bosId !== undefined && first === bosId ? bosId : null,
    eosId,
    encode: (text) => ofText.encode(text, { add_special_tokens: false }).ids,
    decode: (ids) => {
      const plain = ids.filter((id) => !special.has(id));
      // The library refuses an empty list; a model that ends at once yields one.
      return plain.length === 0 ? '' : whole.decode(plain);
    },
  };
}
