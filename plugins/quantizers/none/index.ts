/** Leaves the frozen weights in the checkpoint's own type. */

import { definePlugin } from '../../../core/index.js';

export default definePlugin({
  name: 'none',
  apiVersion: 1,
  family: 'quantizers',
  apply() {},
});
