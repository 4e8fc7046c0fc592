import { expect } from 'chai';
import { BeamSearch } from '../../../core/generation/beams.js';
import { decode } from '../../../core/generation/decoder.js';
import { GENERATE_DEFAULTS, type GenerateOptions } from '../../../core/generation/options.js';
import type { Encoder, LanguageModel } from '../../../core/index.js';
import { withModel } from '../../support/compose.js';
import { fixture } from '../../support/files.js';

/** Beams that part and join often; those of the Alpaca-CoT project are drawn. */
const BEAMS: Partial<GenerateOptions>[] = [
  { numBeams: 3, noRepeatNgramSize: 3 },
  { numBeams: 4, repetitionPenalty: 1.8, noRepeatNgramSize: 6, temperature: 1, topK: 40, topP: 0.9 },
];

async function beamAnswers(model: LanguageModel, encoder: Encoder): Promise<(readonly number[])[]> {
  const searches = ['Name a color.', 'Is the sky green?'].flatMap((instruction) => {
    const prompt = encoder.encodePrompt({ instruction, input: '' });
    const all = {
      ...GENERATE_DEFAULTS,
      name: 'the prompt',
      stopIds: new Set<number>(),
      limit: prompt.length + 40,
    };
    return BEAMS.map((given) => new BeamSearch(prompt, { ...all, ...given }));
  });
  await decode(model, searches);
  return searches.map(({ answer }) => answer.ids);
}

describe('decode', () => {
  for (const name of ['llama', 'bloom', 'chatglm', 'chatglm2']) {
    it(`follows with a cache the beams that it follows without, of ${name}`, () =>
      withModel({ model: { path: fixture(name) } }, async (model, { encoder }) => {
        const cached = await beamAnswers(model, encoder);
        const nextLogits = model.nextLogits.bind(model);
        model.nextLogits = (batch) => nextLogits(batch);
        expect(await beamAnswers(model, encoder)).to.deep.equal(cached);
        expect(cached.every(({ length }) => length === 40)).to.equal(true);
      }));
  }
});
