import type { InstructionExample } from '../../../core/index.js';
import { FaultList } from './fault-list.js';
import { readJsonRecords } from './records.js';
import { toExample } from './to-example.js';

/**
 * The examples of a JSON file (an array, or JSON lines) of `{ instruction, input, output }`. Where a record stands
 * for several, `expand` makes them of it.
 *
 * @throws EvolveError that names every faulty record, after the last one is read
 */
export async function* readJsonExamples(
  file: string,
  expand: (record: unknown) => unknown[] = (record) => [record],
): AsyncGenerator<InstructionExample> {
  const faults = new FaultList();
  for await (const { value, where, fault } of readJsonRecords(file)) {
    for (const example of fault ? [fault] : expand(value).map(toExample)) {
      if (typeof example === 'string') faults.add(where, example);
      else yield example;
    }
  }
  faults.throwIfAny(file);
}
