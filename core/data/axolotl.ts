/** Sources that are described in axolotl's words: as those of ours that mean the same. */

import type { axolotlKeys } from '../config/axolotl-keys.js';
import type { RunConfig } from '../config/load.js';
import type { ColumnName, DataSource } from '../contracts/dataset.js';

type Described = Exclude<RunConfig['data']['sources'][number], string>;
type Columns = Record<string, ColumnName | readonly ColumnName[]>;

/** What axolotl calls the ways to read records -> formats. Its other types are ways to ask a model. */
const FORMATS: Readonly<Record<string, string>> = {
  alpaca: 'alpaca',
  completion: 'text',
  chat_template: 'chat',
  sharegpt: 'chat',
};

/** Its fields -> the format that has them, and what it calls them. */
const FIELDS: Readonly<Partial<Record<keyof typeof axolotlKeys, readonly [format: string, column: string]>>> =
  {
    field: ['text', 'text'],
    field_instruction: ['instruct', 'instruction'],
    field_input: ['instruct', 'input'],
    field_output: ['instruct', 'output'],
    field_messages: ['chat', 'messages'],
    field_tools: ['chat', 'tools'],
  };

/** What a format reads that axolotl reads under the same name although no field says so. */
const UNNAMED: Readonly<Record<string, readonly string[]>> = {
  text: ['text'],
  instruct: ['instruction', 'input', 'output', 'system'],
  chat: ['messages', 'tools'],
};

/** What could not be understood, for the person. */
export class ForeignKeyFault extends Error {}

/** The keys of a source that follow from axolotl's. @throws ForeignKeyFault if two do not go together */
export function ofAxolotl(
  source: Described,
): Pick<DataSource, 'columns' | 'roles'> & { format?: string; file?: Described['file'] } {
  const { type, data_files, message_property_mappings: mappings } = source;
  const fields = { ...source, ...(typeof type === 'object' ? type : {}) };
  const role = mappings?.role ?? source.message_field_role;
  const content = mappings?.content ?? source.message_field_content;
  const named: Columns = {
    ...(role && { role }),
    ...(content && { content }),
    ...(fields.field_system && { system: fields.field_system }),
  };
  let format = typeof type === 'string' ? FORMATS[type] : undefined;
  if (typeof type === 'string' && format === undefined) {
    const known = Object.keys(FORMATS).join(', ');
    throw new ForeignKeyFault(`type: ${type} is none of the types of axolotl that are read: ${known}`);
  }
  if (role || content) format ??= 'chat';
  for (const [field, [its, column]] of Object.entries(FIELDS)) {
    const name = fields[field as keyof typeof FIELDS & keyof typeof fields];
    if (typeof name !== 'string') continue;
    const isSame = format === its || (format === 'alpaca' && its === 'instruct');
    if (format !== undefined && !isSame)
      throw new ForeignKeyFault(`${field} does not go with the format ${format}`);
    format ??= its;
    named[column] = name;
  }
  const isNamed = Object.keys(named).length > 0;
  format ??= isNamed || typeof type === 'object' ? 'instruct' : undefined;
  const own = Object.fromEntries(
    (UNNAMED[format === 'alpaca' ? 'instruct' : (format ?? '')] ?? []).map((name) => [name, name]),
  );
  const roles = rolesOf(source.roles);
  return {
    ...(format && { format }),
    ...(isNamed && { columns: { ...own, ...named } }),
    ...(roles && { roles }),
    ...(data_files && { file: data_files }),
  };
}

/** `{ user: [human, user] }`, as axolotl has it, the other way round. */
function rolesOf(roles: Described['roles']): DataSource['roles'] {
  if (!roles) return undefined;
  return Object.fromEntries(
    Object.entries(roles).flatMap(([name, said]) => {
      if (!Array.isArray(said)) return [[name, said as 'user']];
      if (name !== 'system' && name !== 'user' && name !== 'assistant' && name !== 'tool')
        throw new ForeignKeyFault(
          `roles.${name}: a list of names stands under system, user, assistant or tool`,
        );
      return said.map((each) => [each, name as 'user']);
    }),
  );
}
