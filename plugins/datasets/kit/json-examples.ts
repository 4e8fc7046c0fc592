import { displayPath, EvolveError, type InstructionExample, type TurnsExample } from '../../../core/index.js';
import { FaultList } from './fault-list.js';
import { readJsonRecords } from './records.js';
import { toExample } from './to-example.js';

/**
 * The examples of a JSON file (an array, or JSON lines) of `{ instruction, input, output }`, with `system` and `history` where a
 * record has them. Where a record stands for several, `expand` makes them of it.
 *
 * @throws EvolveError that names every faulty record, after the last one is read
 */
export async function* readJsonExamples(
  file: string,
  expand: (record: unknown) => unknown[] = (record) => [record],
): AsyncGenerator<InstructionExample | TurnsExample> {
  const faults = new FaultList();
  for await (const { value, where, fault } of readJsonRecords(file)) {
    refuseConversations(file, value);
    for (const example of fault ? [fault] : expand(value).map(toExample)) {
      if (typeof example === 'string') faults.add(where, example);
      else yield example;
    }
  }
  faults.throwIfAny(file);
}

/** The keys under which other programs' records hold whole conversations. */
const CONVERSATIONS: Readonly<Record<string, string>> = {
  conversations: "ShareGPT's form",
  messages: "the form of OpenAI's chat",
};

/** Says it of the whole file, since all of its records have the form. */
function refuseConversations(file: string, record: unknown): void {
  const { instruction } = (record ?? {}) as { instruction?: unknown };
  const key = Object.keys(CONVERSATIONS).find((name) =>
    Array.isArray((record as Record<string, unknown>)?.[name]),
  );
  if (key === undefined || instruction !== undefined) return;
  const message = `${displayPath(file)}: has ${CONVERSATIONS[key]}: its records hold "${key}", and not { instruction, input, output }`;
  const advice = `Write each question as "instruction" and its answer as "output", or read the file with a plugin of yours.`;
  throw new EvolveError('DATA_FILE', message, advice);
}
