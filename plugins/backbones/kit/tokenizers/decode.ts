const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * The bytes of tokens -> text, all at once, since a character may be in several tokens. What is no UTF-8 becomes U+FFFD,
 * so that of an answer that is still growing all is final but the U+FFFD at its end, a character of which the rest is
 * to come.
 *
 * @param ownSpaces how many spaces at the beginning are the tokenizer's own
 */
export function decodeBytes(tokens: readonly Uint8Array[], ownSpaces = 0): string {
  const text = UTF8.decode(Buffer.concat(tokens));
  let start = 0;
  while (start < ownSpaces && text[start] === ' ') start++;
  return text.slice(start);
}
