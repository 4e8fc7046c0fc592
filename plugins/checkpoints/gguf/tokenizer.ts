/**
 * The tokenizer that a GGUF file embeds, as the files that Hugging Face keeps it in.
 *
 * @param metadata the file's, as plain values: `tokenizer.ggml.model`, `.tokens`, `.merges` …
 * @returns `tokenizer.json` and `tokenizer_config.json`; none where the file has no tokenizer
 */
export function tokenizerFilesOf(_metadata: Record<string, unknown>): ReadonlyMap<string, Uint8Array> {
  return new Map();
}
