import { EvolveError, foreignKind } from '../../../../core/index.js';
import { type Peeked, packingOf, peek, unpacked } from './bytes.js';
import { inUtf8 } from './encoding.js';

/** A text, unpacked and in UTF-8. */
export interface OpenText extends Peeked {
  /** What it was before, besides text in UTF-8: `gzip`, `gb18030`. */
  readonly was: readonly string[];
}

/**
 * The text of a file.
 *
 * @param stored its bytes
 * @throws EvolveError DATA_FILE if it is a file of another kind, or in another encoding than is said
 */
export async function openText(
  name: string,
  stored: Peeked,
  encoding: string | undefined,
): Promise<OpenText> {
  const packing = packingOf(stored.head);
  const plain = packing ? await peek(unpacked(name, packing, stored.bytes)) : stored;
  try {
    const { encoding: used, ...peeked } = await inUtf8(name, plain, encoding);
    const foreign = used === 'utf-8' ? foreignKind(plain.head) : undefined;
    if (foreign) throw new EvolveError('DATA_FILE', `${name}: is ${foreign.what}`, foreign.advice);
    return { ...peeked, was: [...(packing ? [packing] : []), ...(used === 'utf-8' ? [] : [used])] };
  } catch (error) {
    await plain.close();
    throw error;
  }
}
