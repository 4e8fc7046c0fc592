/**
 * What a backbone tells of itself so that its models are read from GGUF and written to it. It provides a description
 * for each name that GGUF has for models of its kind:
 *
 *     trainer.provide(gguf.ARCHITECTURES, mine);
 */

export { ARCHITECTURES, type Architecture, type Description } from './architecture.js';
export { Metadata } from './metadata.js';
export type { MetadataValue } from './metadata-value.js';
export { alternatingHalves, type Heads, queriesKeysValues, type RowOrder } from './row-order.js';
export { unwritable } from './unwritable.js';
