import type { Prompt } from '../../../core/index.js';

/** The prompt of Stanford Alpaca and Alpaca-CoT; the answer follows after a space. */
export function alpacaPrompt({ instruction, input }: Prompt): string {
  return input === ''
    ? 'Below is an instruction that describes a task. ' +
        'Write a response that appropriately completes the request.\n\n' +
        `### Instruction:\n${instruction}\n\n### Response:`
    : 'Below is an instruction that describes a task, paired with an input that provides further context. ' +
        'Write a response that appropriately completes the request.\n\n' +
        `### Instruction:\n${instruction}\n\n### Input:\n${input}\n\n### Response:`;
}
