import { EvolveError, type z } from '../../../core/index.js';

/**
 * What a backbone needs of config.json.
 *
 * @throws EvolveError that names every key that is missing or not supported, with the value that is there
 */
export function parseConfigJson<T>(
  schema: z.ZodType<T>,
  json: Readonly<Record<string, unknown>>,
  path: string,
  advice: string,
): T {
  const { data, error } = schema.safeParse(json);
  if (!error) return data;
  const faults = error.issues.map(({ path: keys, message }) => {
    const value = keys.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)?.[key], json);
    if (value === undefined) return `  ${keys.join('.')} is missing`;
    // A part of its own messages that zod cannot leave out.
    const wanted = message.replace(/^Invalid input: |, received [\w ]+$/g, '');
    return `  ${keys.join('.')}: ${wanted}, but got ${typeof value === 'number' ? value : JSON.stringify(value)}`;
  });
  throw new EvolveError('MODEL_INVALID', `${path}/config.json:\n${faults.join('\n')}`, advice);
}
