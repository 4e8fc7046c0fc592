/** The architectures that GGUF is read and written for. One more is a line here, and a description like the others. */

import type { Architecture } from './architecture.js';
import { bloom } from './bloom.js';
import { llama, qwen2, qwen3 } from './llama.js';

export const ARCHITECTURES: readonly Architecture[] = [llama, qwen2, qwen3, bloom];
