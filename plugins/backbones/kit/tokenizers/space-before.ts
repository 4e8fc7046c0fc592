/** The space that SentencePiece puts before a text, in tokenizer.json. */

import { type Part, partsOf } from './text-steps.js';

interface Parts {
  readonly normalizer?: Part | null | undefined;
  readonly pre_tokenizer?: Part | null | undefined;
  readonly decoder?: Part | null | undefined;
}

/** The same tokenizer without it. */
export function withoutSpaceBefore<T extends Parts>(json: T): T {
  const normalizers = partsOf(json.normalizer, 'normalizers').filter(({ type }) => type !== 'Prepend');
  const pretokenizers = partsOf(json.pre_tokenizer, 'pretokenizers').map(neverFirst);
  const decoders = partsOf(json.decoder, 'decoders');
  return {
    ...json,
    normalizer: json.normalizer && { type: 'Sequence', normalizers },
    pre_tokenizer: json.pre_tokenizer && { type: 'Sequence', pretokenizers },
    decoder: json.decoder && {
      type: 'Sequence',
      decoders: decoders.filter(({ type }) => type !== 'Strip').map(neverFirst),
    },
  };
}

function neverFirst(part: Part): Part {
  return part.type === 'Metaspace' ? { ...part, prepend_scheme: 'never' } : part;
}
