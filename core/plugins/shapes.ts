/**
 * What plugins hand over must look like: for each hook the parts of its answer, and for each method of an answer the parts
 * of its result. A fault names the part and what stands in its place.
 */

import { tf } from '../base/tf.js';
import type { World } from '../contracts/world.js';
import {
  type Check,
  count,
  finite,
  flag,
  ids,
  is,
  isInteger,
  isObject,
  list,
  map,
  method,
  name,
  number,
  object,
  optional,
  type Parts,
  positive,
  rate,
  scalar,
  show,
  tensor,
  text,
  texts,
} from './checks.js';

const shape = list('whole numbers', count);
const matrixShape: Check = (value) =>
  shape(value) ??
  ((value as unknown[]).length === 2 ? undefined : `expected [rows, columns], but got [${value}]`);
const variable = is('a tf.Variable', (value) => value instanceof tf.Variable);
const weight = object('a frozen weight', {
  shape: matrixShape,
  storage: text,
  byteLength: number,
  decode: method,
});
const adapter = object('an adapter', { forward: method });
const site = { name, weight, adapter: optional(adapter), forward: method };
const turn = object('a turn', {
  role: is('system, user, assistant or tool', (value) =>
    ['system', 'user', 'assistant', 'tool'].includes(value as string),
  ),
  content: text,
  trained: flag,
  calls: optional(list('calls', object('a call', { name: text }))),
});
const prompt: Check = (value) =>
  isObject(value) && 'turns' in value
    ? object('a prompt', { turns: list('turns', object('a turn', { role: text, content: text })) })(value)
    : object('a prompt', { instruction: text, input: text })(value);

const source = optional(text);

/** By `kind`. */
const EXAMPLES: Readonly<Record<string, Check>> = {
  instruction: object('an instruction', { instruction: text, input: text, output: text, source }),
  text: object('a text example', { text, source }),
  turns: object('a conversation', {
    turns: list('turns', turn),
    tools: optional(is('a list', Array.isArray)),
    source,
  }),
  tokens: object('a row in tokens', {
    inputIds: list('whole numbers', count),
    spans: is('a list of spans', Array.isArray),
    source,
  }),
  preference: object('a preference', { prompt, chosen: text, rejected: text, source }),
};

const kind = object('an example', {
  kind: is(`one of ${Object.keys(EXAMPLES).join(', ')}`, (value) => Object.hasOwn(EXAMPLES, String(value))),
});

/** What an iterable of `loadData` yields. */
export const example: Check = (value) => kind(value) ?? EXAMPLES[(value as { kind: string }).kind]?.(value);

const model = object('a language model', {
  backbone: text,
  path: text,
  maxLength: positive,
  linears: list('linear layers', object('a linear layer', { ...site, crossEntropy: method })),
  embeddings: list('embeddings', object('an embedding', site)),
  vectors: map('variables', variable),
  trainable: map('variables', variable),
  saves: is('"adapter" or "model"', (value) => value === 'adapter' || value === 'model'),
  collate: method,
  crossEntropy: method,
  logProbabilities: method,
  logits: method,
  nextLogits: method,
  dispose: method,
});

const world = object('a world', {
  rank: count,
  size: positive,
  sum: method,
  broadcast: method,
  barrier: method,
  share: optional(method),
});

const nothing = is('nothing', (value) => value === undefined);

const metrics: Check = (value) => {
  if (!isObject(value) || Array.isArray(value))
    return `expected an object of named numbers, but got ${show(value)}`;
  if (typeof value.evalLoss !== 'number')
    return `evalLoss: ${finite(value.evalLoss)}; pass on those that you were given`;
  for (const [key, each] of Object.entries(value)) {
    // The event that tells metrics has these itself.
    const fault = key === 'type' || key === 'step' ? 'this name is taken' : finite(each);
    if (fault) return `${key}: ${fault}`;
  }
  return undefined;
};

/** What taps may return besides undefined, by hook. The hook `gradients` has a check of its own. */
export const ANSWERS: Readonly<Record<string, Check>> = {
  openWorld: (value) =>
    world(value) ??
    ((value as World).rank < (value as World).size
      ? undefined
      : `of a world, rank: expected less than its size, ${(value as World).size}, but got ${(value as World).rank}`),
  loadData: is(
    'an async iterable of examples',
    (value) => isObject(value) && (Symbol.asyncIterator in value || Symbol.iterator in value),
  ),
  openDevice: object('a device', {
    name,
    backend: name,
    description: text,
    details: optional(texts),
    placeWeights: optional(method),
    makeCache: optional(method),
    usage: optional(method),
  }),
  locateModel: object('a place', { path: name, name }),
  locateData: object('a place', { path: name, files: list('paths', name) }),
  makeTemplate: (value) =>
    object('a template', { name: text, chatTemplate: optional(text) })(value) ??
    (isObject(value) && value.passages !== undefined
      ? object('a template', { passages: method, promptPassages: method })(value)
      : object('a template', { exchanges: method })(value)),
  loadEncoder: object('an encoder', {
    tokenizer: object('a tokenizer', {
      vocabularySize: positive,
      bosId: is('a whole number or null', (value) => value === null || isInteger(0)(value)),
      eosId: count,
      stopIds: optional(list('whole numbers', count)),
      special: optional(is('a Map', (value) => value instanceof Map)),
      encode: method,
      encodeParts: optional(method),
      decode: method,
    }),
    encode: method,
    encodeParts: optional(method),
    encodePrompt: method,
  }),
  loadModel: model,
  openCheckpoint: object('a checkpoint', {
    path: text,
    // The type of a tensor may be one that nobody asks for: its getter then refuses.
    tensors: map('tensors', object('a tensor', { shape })),
    read: method,
    readLater: optional(method),
    close: method,
  }),
  quantize: model,
  injectAdapters: model,
  makeObjective: object('an objective', { loss: method, measuresCrossEntropy: optional(flag) }),
  makeOptimizer: object('an optimizer', { update: method, state: method, restore: method, dispose: method }),
  makeSchedule: object('a schedule', {
    learningRateAt: method,
    state: optional(method),
    restore: optional(method),
  }),
  loss: scalar,
  evaluate: metrics,
  writeCheckpoint: is('true', (value) => value === true),
};

const passages = list(
  'passages',
  object('a passage', {
    text,
    spelled: is('a list of spans', Array.isArray),
    labels: is('none, all or end', (value) => ['none', 'all', 'end'].includes(value as string)),
  }),
);
const exchanges = list('exchanges', object('an exchange', { prompt: text, answer: text, trained: flag }));

const modelResults: Parts = {
  collate: object('a batch', { inputIds: ids, labels: ids, offsets: ids, targets: count }),
  crossEntropy: scalar,
  logProbabilities: tensor(1),
  logits: tensor(2),
  nextLogits: tensor(2),
};

/** Of a method that may return a promise. All others in RESULTS have done their work when they return. */
const promised = (check: Check): Check => Object.assign((value: unknown) => check(value), { promised: true });

/** What the methods of an answer return, by hook. */
export const RESULTS: Readonly<Record<string, Parts>> = {
  openDevice: {
    usage: object('what was used', { peakMemory: count, fallbacks: is('counts by kernel', isObject) }),
  },
  openWorld: {
    broadcast: promised(is('a Uint8Array', (value) => value instanceof Uint8Array)),
    share: promised(
      optional(
        object('shared memory', {
          buffers: list(
            'buffers',
            is('an ArrayBuffer', (value) => value instanceof ArrayBuffer),
          ),
          place: count,
          count: positive,
        }),
      ),
    ),
  },
  makeTemplate: {
    exchanges: (value) =>
      exchanges(value) ??
      ((value as unknown[]).length > 0 ? undefined : 'expected at least one exchange, but got none'),
    passages,
    promptPassages: passages,
  },
  loadEncoder: {
    encode: object('an encoded example', {
      inputIds: ids,
      spans: is('a list of spans', Array.isArray),
    }),
    encodeParts: is('a list of encoded examples', Array.isArray),
    encodePrompt: is('a list of token ids', Array.isArray),
  },
  loadModel: modelResults,
  quantize: modelResults,
  injectAdapters: modelResults,
  openCheckpoint: { read: promised(is('a Uint8Array', (value) => value instanceof Uint8Array)) },
  makeObjective: { loss: scalar },
  makeOptimizer: {
    update: nothing,
    restore: nothing,
    state: object('a state', {
      numbers: is('an object', isObject),
      tensors: is('a Map', (value) => value instanceof Map),
    }),
  },
  makeSchedule: { learningRateAt: rate },
};

/** What the methods of an adapter in a layer return. */
export const ADAPTER_RESULTS: Parts = { forward: tensor(2) };
