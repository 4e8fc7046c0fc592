const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Ids -> text, by way of bytes, since a character may be in several tokens. What is no UTF-8 becomes U+FFFD, so that
 * of an answer that is still growing all is final but the U+FFFD at its end, a character of which the rest is to come.
 *
 * @param bytesOf nothing for special tokens and for ids that are none
 * @param strip how many spaces at the beginning are the tokenizer's own
 */
export function decodeBytes(
  ids: readonly number[],
  bytesOf: (id: number) => Uint8Array | undefined,
  strip: number,
): string {
  const text = UTF8.decode(Buffer.concat(ids.flatMap((id) => bytesOf(id) ?? [])));
  let start = 0;
  while (start < strip && text[start] === ' ') start++;
  return text.slice(start);
}
