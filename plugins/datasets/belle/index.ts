/**
 * BELLE's Chinese instructions: `{ instruction, input, output }` as it is published, and its seed tasks in the form of
 * self-instruct, `{ instruction, instances: [{ input, output }, …] }`.
 */

import { defineFormat } from '../kit/define-format.js';
import { instructions, OWN_NAMES } from '../kit/instruct.js';

export default defineFormat({
  name: 'belle',
  apiVersion: 2,
  about: '{ instruction, input, output }, or seed tasks with instances',
  isPreset: true,
  reading: (sample, source) => instructions('belle', OWN_NAMES, sample, source),
});
