/**
 * TensorFlow.js. It is taken by `require`: `import` would read each of its bundles, megabytes of CommonJS, three times (for
 * its format, for its names, and to run it), a fifth of what a command's start takes.
 */

import tf = require('@tensorflow/tfjs');

export { tf };
