/** Stanford Alpaca: `{ instruction, input, output }`. */

import { defineFormat } from '../kit/define-format.js';
import { instructions, OWN_NAMES } from '../kit/instruct.js';

export default defineFormat({
  name: 'alpaca',
  apiVersion: 2,
  about: '{ instruction, input, output }',
  isPreset: true,
  reading: (sample, source) => instructions('alpaca', OWN_NAMES, sample, source),
});
