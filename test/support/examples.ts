import type { InstructionExample } from '../../core/index.js';

type Instruction = Omit<InstructionExample, 'kind'>;

/** What dataset plugins make of `{ instruction, input, output }`. */
export function instruction(record: Instruction): InstructionExample {
  return { kind: 'instruction', ...record };
}
