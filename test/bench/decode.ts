/**
 * Decoding SmolLM2-135M token by token: tokens a second in each storage of the weights, what of the machine's memory
 * bandwidth reading the weights takes, and how the time of a token grows with the text. Against transformers' generate.
 * A LLaMA of 7B's shape, with random weights, shows what is left of that where weights are large.
 */

import * as tf from '@tensorflow/tfjs';
import type { LanguageModel } from '../../core/contracts/backbone.js';
import type { Device } from '../../core/contracts/device.js';
import type { Encoder } from '../../core/contracts/encoder.js';
import { decode as decodeAll } from '../../core/generation/decoder.js';
import { GENERATE_DEFAULTS } from '../../core/generation/options.js';
import { TokenSearch } from '../../core/generation/search.js';
import type { AssembledModel } from '../../core/model/assemble.js';
import { globalNorm } from '../../core/ops/global-norm.js';
import { compose, withModel } from '../support/compose.js';
import { type Context, smollm2 } from './context.js';
import { RANDOM_WEIGHTS, writeLlama7b } from './llama-7b.js';
import { Others } from './machine.js';
import { PRECISIONS, type Precision } from './precision.js';
import type { Peer } from './python.js';
import { median } from './statistics.js';
import type { Row } from './table.js';

const QUANTIZERS = ['none', 'int8', 'nf4'] as const;
export const PROMPT_LENGTH = 64;
export const TOKENS = 96;
/** Texts side by side. */
const BATCHES = [1, 8];
/** Lengths of the text at which a token is timed. */
const LENGTHS = [64, 512, 1024, 1900];

/** `layers` below 32 is for trying the bench out on a slow device. */
export function decode(layers: number) {
  return async (context: Context): Promise<Row[]> => {
    const bandwidth = await readSpeed(context);
    return [...(await decodeSmollm2(context, bandwidth)), ...(await decode7b(context, layers, bandwidth))];
  };
}

/** Large weights: next to reading them, nothing counts. */
async function decode7b(context: Context, layers: number, bandwidth: number): Promise<Row[]> {
  const { device } = context;
  const path = writeLlama7b(context, layers);
  const what = layers === 32 ? '7B' : `7B with ${layers} layers only`;
  const values = { model: { path }, quantizer: 'int8', device, plugins: [RANDOM_WEIGHTS] };
  return withModel(values, async (model, { encoder }) => {
    const others = new Others();
    const seconds = await timeTokens(model, textOf(encoder, PROMPT_LENGTH), 1, TOKENS / 4);
    const bytes = weightBytes(model);
    return [
      {
        what: `decoding ${what} int8, 1 text, weights read (theirs: the machine)`,
        unit: 'GB/s',
        ours: bytes / median(seconds) / 1e9,
        theirs: bandwidth / 1e9,
        others: others.share(),
        note: `${(median(seconds) * 1000).toFixed(0)} ms a token, ${(bytes / 1e6).toFixed(0)} MB of weights a pass`,
        raw: seconds,
      },
    ];
  });
}

async function decodeSmollm2(context: Context, bandwidth: number): Promise<Row[]> {
  const folder = await smollm2(context);
  if (!folder) return [];
  const rows: Row[] = [];
  for (const quantizer of QUANTIZERS) {
    const storage = quantizer === 'none' ? 'bf16' : quantizer;
    await withModel(
      { model: { path: folder }, quantizer, device: context.device },
      async (model, { encoder }) => {
        const ours = { model, encoder };
        for (const batch of BATCHES)
          rows.push(...(await against(context, ours, folder, storage, batch, bandwidth)));
        if (quantizer === 'none') rows.push(...(await byLength(ours)));
      },
    );
  }
  return rows;
}

/** Tokens a second, ours and theirs in turns; and the weights' bytes that ours reads a second. */
async function against(
  { peer, rounds, say }: Context,
  { model, encoder }: Pick<AssembledModel, 'model' | 'encoder'>,
  folder: string,
  storage: string,
  batch: number,
  bandwidth: number,
): Promise<Row[]> {
  const prompt = textOf(encoder, PROMPT_LENGTH);
  const sides: Record<string, number[]> = { ours: [] };
  const theirs = (tokens: number) =>
    (peer as Peer).ask<{ seconds: number[] }>('decode', { prompt, rows: batch, tokens });
  const dtype = peer && storage === 'bf16' ? await fasterToDecode(peer, folder, () => theirs(6)) : undefined;
  const others = new Others();
  for (let round = 0; round < rounds; round++) {
    say(`… decoding ${storage}, ${batch} at once, round ${round + 1} of ${rounds}`);
    sides.ours.push(...(await timeTokens(model, prompt, batch, TOKENS)));
    if (dtype) sides[dtype] = [...(sides[dtype] ?? []), ...(await theirs(TOKENS)).seconds];
  }
  const share = others.share();
  const speed = (name: string) => (sides[name] ? batch / median(sides[name]) : null);
  const bytes = weightBytes(model);
  const what = `decoding ${storage}, ${batch} ${batch === 1 ? 'text' : 'texts'}`;
  const read = bytes / median(sides.ours);
  const note = `${(bytes / 1e6).toFixed(0)} MB of weights a pass`;
  const row = (name: string): Row => ({
    what: `${what}, against transformers ${name}`,
    unit: 'tokens/s',
    ours: speed('ours'),
    theirs: speed(name),
    others: share,
    raw: { ours: sides.ours, theirs: sides[name] },
  });
  return [
    dtype ? row(dtype) : { ...row('-'), what },
    {
      what: `${what}, weights read (theirs: the machine)`,
      unit: 'GB/s',
      ours: read / 1e9,
      theirs: bandwidth / 1e9,
      others: share,
      note,
    },
  ];
}

/** Opens the model in the precision in which PyTorch decodes faster; it may be another than that of large products. */
async function fasterToDecode(
  peer: Peer,
  model: string,
  decode: () => Promise<{ seconds: number[] }>,
): Promise<Precision> {
  const times: number[] = [];
  for (const dtype of PRECISIONS) {
    await peer.ask('openGeneration', { model, dtype });
    times.push(median((await decode()).seconds));
  }
  const faster = PRECISIONS[times[0] <= times[1] ? 0 : 1];
  await peer.ask('openGeneration', { model, dtype: faster });
  return faster;
}

/** Time of a token by the length of the text before it. */
async function byLength({ model, encoder }: Pick<AssembledModel, 'model' | 'encoder'>): Promise<Row[]> {
  const rows: Row[] = [];
  for (const length of LENGTHS) {
    const others = new Others();
    const seconds = await timeTokens(model, textOf(encoder, length), 1, 24);
    rows.push({
      what: `a token after ${length}`,
      unit: 's',
      ours: median(seconds),
      theirs: null,
      others: others.share(),
      raw: seconds,
    });
  }
  return rows;
}

/** Seconds of each pass after the first tokens. */
export async function timeTokens(
  model: LanguageModel,
  prompt: readonly number[],
  batch: number,
  tokens: number,
  device?: Device,
): Promise<number[]> {
  // No token ends the text.
  const limit = prompt.length + tokens;
  const answer = { name: 'the prompt', stopIds: new Set<number>(), limit };
  const options = { ...GENERATE_DEFAULTS, maxNewTokens: tokens, ...answer };
  const searches = Array.from({ length: batch }, () => new TokenSearch(prompt, options));
  const times: number[] = [];
  const last = searches[batch - 1];
  const note = (search: unknown) => {
    if (search === last) times.push(performance.now() / 1000);
  };
  await decodeAll(model, searches, note, { device });
  return times.slice(1).map((time, i) => time - times[i]);
}

export function textOf({ tokenizer }: Encoder, length: number): number[] {
  const ids = tokenizer.encode(
    'The history of the city begins on the banks of a river, where traders met. '.repeat(200),
  );
  return ids.slice(0, length);
}

/** What a pass reads of the weights: every linear layer once. */
function weightBytes(model: LanguageModel): number {
  return model.linears.reduce((sum, { weight }) => sum + weight.byteLength, 0);
}

/** Bytes a second of streaming reads on all cores: the better of our sum of squares and PyTorch's sum. */
async function readSpeed({ peer, say, device }: Context): Promise<number> {
  const theirs = (await peer?.ask<{ bytesPerSecond: number }>('readSpeed'))?.bytesPerSecond ?? 0;
  const ours = await withDevice(device, () => {
    const numbers = tf.ones([2 ** 27]);
    const bytes = numbers.size * 4;
    const seconds = Array.from({ length: 8 }, () => {
      const start = performance.now();
      globalNorm([numbers]).dispose();
      return (performance.now() - start) / 1000;
    });
    numbers.dispose();
    return bytes / Math.min(...seconds);
  });
  say(`memory is read at ${(ours / 1e9).toFixed(1)} GB/s by ours, ${(theirs / 1e9).toFixed(1)} by PyTorch`);
  return Math.max(ours, theirs);
}

async function withDevice<T>(device: string, use: () => T): Promise<T> {
  const run = await compose({ device });
  await run.assembler.openDevice();
  return use();
}
