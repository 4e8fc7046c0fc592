import { z } from '../../../core/index.js';
import { RecordFault } from '../kit/index.js';

/** Whether an answer does what it was told. */
export type Check = (answer: string) => boolean;

/** A kind of rule: of its settings, as `kwargs` has them, it makes a check. */
export type RuleKind = (kwargs: unknown) => Check;

/** @param checkOf makes the check of settings that fit the shape */
export function rule<S extends z.ZodRawShape>(
  shape: S,
  checkOf: (settings: z.output<z.ZodObject<S>>) => Check,
): RuleKind {
  const schema = z.object(shape);
  return (kwargs) => {
    const parsed = schema.safeParse(kwargs);
    if (parsed.success) return checkOf(parsed.data);
    const faults = parsed.error.issues.map(
      (issue) => `${issue.path.join('.') || 'kwargs'}: ${issue.message}`,
    );
    throw new RecordFault(faults.join(', '));
  };
}

export const count = z.number().int().nonnegative();
export const text = z.string().min(1);

/** `at least` so many, or `less than` so many. */
export const relation = z.enum(['at least', 'less than']);

export function holds(found: number, how: z.output<typeof relation>, asked: number): boolean {
  return how === 'at least' ? found >= asked : found < asked;
}

/** How often a pattern is found. */
export function occurrences(answer: string, pattern: RegExp): number {
  return answer.match(pattern)?.length ?? 0;
}

export function escaped(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
