/**
 * Keys by which axolotl's configurations describe a data set, where they mean what a source of ours can:
 * https://docs.axolotl.ai/docs/config-reference.html and docs/dataset-formats. `core/data/axolotl.ts` reads them.
 */

import { z } from 'zod';

const name = z.string().min(1).optional();

const fields = {
  field: name,
  field_instruction: name,
  field_input: name,
  field_output: name,
  field_system: name,
  field_messages: name,
  field_tools: name,
};

export const axolotlKeys = {
  type: z.union([z.string().min(1), z.strictObject(fields)]).optional(),
  data_files: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).optional(),
  ...fields,
  message_property_mappings: z.strictObject({ role: name, content: name }).optional(),
  message_field_role: name,
  message_field_content: name,
};
