import { cpSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { BeamSearch } from '../../../core/generation/beams.js';
import {
  GENERATE_DEFAULTS,
  type GenerateOptions,
  generate,
  generateAll,
} from '../../../core/generation/generate.js';
import { TokenSearch } from '../../../core/generation/search.js';
import { withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { LLAMA } from '../../support/llama-fixture.js';

/** Every way in which a token is chosen. */
const WAYS: Readonly<Record<string, Partial<GenerateOptions>>> = {
  greedily: {},
  'from all that are drawn': { temperature: 1 },
  'from few that are drawn': { temperature: 1, topK: 5, topP: 0.9 },
  'by beams': { numBeams: 3 },
  'by beams that are drawn': { numBeams: 3, temperature: 1, topK: 5 },
};

const options = (given: Partial<GenerateOptions>): GenerateOptions => ({ ...GENERATE_DEFAULTS, ...given });
const PROMPT = { instruction: 'Name a color.', input: '' };

describe('scores of which none can be chosen', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  /** The fixture LLaMA with one number of the last norm replaced. */
  function faultyModel(value: number): { path: string } {
    cpSync(fixture('llama'), folder.path, { recursive: true });
    const bytes = readFileSync(folder.join('model.safetensors'));
    const headerEnd = 8 + Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.toString('utf8', 8, headerEnd));
    bytes.writeFloatLE(value, headerEnd + header['model.norm.weight'].data_offsets[0]);
    folder.write('model.safetensors', bytes);
    return { path: folder.path };
  }

  it('of a model whose norm holds NaN or ∞, stop every kind of search with the place', async () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      await withModel({ model: faultyModel(value) }, async (model, { encoder }) => {
        const at = encoder.encodePrompt(PROMPT).length + 1;
        for (const [way, given] of Object.entries(WAYS)) {
          const error = await expectError(
            () => generate(model, encoder, PROMPT, options(given)),
            'NOT_FINITE',
          );
          expect(error.message, way).to.match(
            new RegExp(`^the prompt, token ${at}: the model's scores are not finite; the largest is \\S+$`),
          );
        }
      });
    }
  });

  it('name the prompt among many', () =>
    withModel({ model: LLAMA }, async (model, { encoder }) => {
      const every = { ...PROMPT, instruction: 'all' };
      const { vocabularySize } = encoder.tokenizer;
      encoder.encodePrompt = (prompt) => (prompt === every ? [...Array(vocabularySize).keys()] : [1, 5]);
      const given = options({ noRepeatNgramSize: 1, maxNewTokens: 4 });
      const ask = () => generateAll(model, encoder, [PROMPT, every], given, () => {});
      await expectError(ask, 'NOT_FINITE', 'prompt 2, token 341: noRepeatNgramSize 1 forbids every token');
    }));

  for (const [way, given] of Object.entries(WAYS)) {
    /** A search with these scores for every hypothesis, until it has ended. */
    const searchWith = (
      scores: readonly number[],
      further: Partial<GenerateOptions>,
      ...prompt: number[]
    ) => {
      const all = {
        ...options({ ...given, ...further }),
        name: 'prompt 3',
        stopIds: new Set<number>(),
        limit: 9,
      };
      const search = all.numBeams > 1 ? new BeamSearch(prompt, all) : new TokenSearch(prompt, all);
      while (search.hypotheses.length > 0) {
        search.advance(search.hypotheses.map(() => Float32Array.from(scores)));
      }
      return search.answer;
    };

    it(`stop a search ${way}, be they NaN, ∞, or all −∞`, async () => {
      const [nan, inf] = [Number.NaN, Number.POSITIVE_INFINITY];
      for (const [scores, largest] of [
        [[nan, 1, 2], 'NaN'],
        [[1, 2, nan], 'NaN'],
        [[1, inf, 2], 'Infinity'],
        [[inf, nan, -inf], 'NaN'],
        [[-inf, -inf, -inf], '-Infinity'],
      ] as [number[], string][]) {
        const message = `prompt 3, token 3: the model's scores are not finite; the largest is ${largest}`;
        await expectError(() => searchWith(scores, {}, 0, 1), 'NOT_FINITE', message);
      }
    });

    it(`stop a search ${way} where the option that forbids them all is told`, async () => {
      const forbidden = () => searchWith([1, 2, 3], { noRepeatNgramSize: 1 }, 0);
      await expectError(
        forbidden,
        'NOT_FINITE',
        'prompt 3, token 4: noRepeatNgramSize 1 forbids every token',
      );
      const penalized = () => searchWith([-1, -2, -3], { repetitionPenalty: 1e39 }, 0, 1, 2);
      await expectError(penalized, 'NOT_FINITE', 'token 4: repetitionPenalty 1e+39 leaves no finite score');
    });

    it(`do not stop a search ${way} where some are −∞`, () => {
      const { ids } = searchWith([Number.NEGATIVE_INFINITY, 2, 3], {}, 0);
      expect(ids).to.have.lengthOf(8).and.not.to.include(0);
    });
  }
});
