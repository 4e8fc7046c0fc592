import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { LanguageModel } from '../../../core/contracts/backbone.js';
import type { Batch } from '../../../core/contracts/batch.js';
import type { Encoder } from '../../../core/contracts/encoder.js';
import {
  GENERATE_DEFAULTS,
  type Generated,
  type GenerateOptions,
  generate,
  generateAll,
} from '../../../core/generation/generate.js';
import { concatenate } from '../../../plugins/backbones/kit/causal-model.js';
import { expectError } from '../../support/errors.js';

const options = (given: Partial<GenerateOptions>): GenerateOptions => ({ ...GENERATE_DEFAULTS, ...given });

/** An instruction is written in its tokens, a digit each. */
const encoder = {
  tokenizer: {
    vocabularySize: 10,
    bosId: null,
    eosId: 9,
    encode: () => [],
    decode: (ids: readonly number[]) => ` ${ids.join(' ')} `,
  },
  encodePrompt: ({ instruction }: { instruction: string }) => [...instruction].map(Number),
} as unknown as Encoder;

/** A model that always says the token after the last one; 9 ends the answer. */
function countingModel(maxLength = 100): LanguageModel {
  return {
    maxLength,
    collate: concatenate,
    nextLogits: ({ inputIds, offsets }: Batch) => {
      const next = offsets.subarray(1).map((end) => inputIds[end - 1] + 1);
      return tf.oneHot(tf.tensor1d(next, 'int32'), 10).toFloat();
    },
  } as unknown as LanguageModel;
}

describe('generate', () => {
  const prompt = { instruction: '12', input: '' };

  it('goes on until the model says that it is done; the end is no part of the text', async () => {
    expect(await generate(countingModel(), encoder, prompt)).to.deep.equal({
      text: '3 4 5 6 7 8',
      tokens: 6,
      stopped: 'end',
    });
  });

  it('stops after maxNewTokens', async () => {
    const generated = await generate(countingModel(), encoder, prompt, options({ maxNewTokens: 2 }));
    expect(generated).to.deep.equal({ text: '3 4', tokens: 2, stopped: 'length' });
  });

  it('stops where the positions of the model run out', async () => {
    expect(await generate(countingModel(5), encoder, prompt)).to.include({ tokens: 3, stopped: 'length' });
    expect(await generate(countingModel(3), encoder, prompt)).to.include({
      text: '3',
      tokens: 1,
      stopped: 'length',
    });
  });

  it('refuses a prompt that leaves no position for an answer', async () => {
    const ask = () => generate(countingModel(2), encoder, prompt);
    await expectError(ask, 'COMMAND_LINE', 'the prompt has 2 tokens, but the model was made for 2 positions');
  });

  it('repeats by seed', async () => {
    const hot = (seed: number) =>
      generate(countingModel(), encoder, prompt, options({ temperature: 5, seed }));
    expect(await hot(1)).to.deep.equal(await hot(1));
    expect((await hot(1)).text).not.to.equal((await hot(2)).text);
  });

  it('tells what there is of an answer as it grows', async () => {
    const told: string[] = [];
    await generate(countingModel(), encoder, prompt, options({ maxNewTokens: 3 }), (text) => told.push(text));
    expect(told).to.deep.equal(['3', '3 4', '3 4 5']);
  });

  it('answers many prompts in their order, each as alone', async () => {
    const prompts = [...'7123456', ...'12345678'.repeat(8)].map((instruction) => ({
      instruction,
      input: '',
    }));
    const given = options({ temperature: 0.1, maxNewTokens: 20 });
    const alone: Generated[] = [];
    for (const each of prompts) alone.push(await generate(countingModel(), encoder, each, given));
    const together: Generated[] = [];
    await generateAll(countingModel(), encoder, prompts, given, (answer, i) => {
      expect(i).to.equal(together.length);
      together.push(answer);
    });
    expect(together).to.deep.equal(alone);
    expect(new Set(together.map(({ tokens }) => tokens)).size, 'different lengths').to.be.above(2);
  });

  it('names the prompt that leaves no position for an answer', async () => {
    const prompts = [prompt, { instruction: '12345', input: '' }];
    const ask = () => generateAll(countingModel(5), encoder, prompts, options({}), () => {});
    await expectError(ask, 'COMMAND_LINE', 'prompt 2 has 5 tokens, but the model was made for 5 positions');
  });

  it('stops where its signal aborts, one answer or many', async () => {
    const stop = new AbortController();
    const prompts = ['1', '2', '3', '4'].map((instruction) => ({ instruction, input: '' }));
    const told: number[] = [];
    const ask = () =>
      generateAll(
        countingModel(),
        encoder,
        prompts,
        options({ maxNewTokens: 6 }),
        (_, i) => {
          told.push(i);
          if (i === 1) stop.abort();
        },
        { signal: stop.signal },
      );
    await expectError(ask, 'INTERRUPTED', 'interrupted before the answer was finished');
    expect(told).to.deep.equal([0, 1]);
    const again = () =>
      generate(countingModel(), encoder, prompt, options({}), undefined, { signal: stop.signal });
    await expectError(again, 'INTERRUPTED');
  });
});
