import { expect } from 'chai';
import { BeamSearch } from '../../../core/generation/beams.js';
import { decode } from '../../../core/generation/decoder.js';
import { GENERATE_DEFAULTS, type GenerateOptions } from '../../../core/generation/options.js';
import { TokenSearch } from '../../../core/generation/search.js';
import type { LanguageModel } from '../../../core/index.js';
import { readFixture, withModel } from '../../support/compose.js';
import { LLAMA } from '../../support/llama-fixture.js';
import { describeNative } from '../../support/native.js';

/** What test/fixtures/make_llama.py had transformers generate. */
interface Case {
  readonly options: Partial<GenerateOptions>;
  readonly prompt: readonly number[];
  readonly eos: number;
  readonly ids: readonly number[];
}

const CASES = readFixture<Case[]>('llama', 'generate.json');

function searchOf({ options: given, prompt, eos }: Case): BeamSearch | TokenSearch {
  const options = { ...GENERATE_DEFAULTS, ...given };
  const all = { ...options, stopIds: new Set([eos]), limit: prompt.length + options.maxNewTokens };
  return options.numBeams > 1 ? new BeamSearch(prompt, all) : new TokenSearch(prompt, all);
}

const nameOf = ({ options, prompt, ids }: Case) =>
  `${JSON.stringify(options)}, ${prompt.length} + ${ids.length} tokens`;

async function expectAnswers(model: LanguageModel, cases: readonly Case[]): Promise<void> {
  const searches = cases.map(searchOf);
  await decode(model, searches);
  for (const [i, { answer }] of searches.entries()) {
    expect(answer.ids, nameOf(cases[i])).to.deep.equal(cases[i].ids);
    expect(answer.stopped).to.equal(
      cases[i].ids.length < (cases[i].options.maxNewTokens ?? 0) ? 'end' : 'length',
    );
  }
}

describe('generation, held to transformers', () => {
  const ON_WASM = { model: LLAMA, device: { name: 'portable', backend: 'wasm' } };

  it('has cases of each kind: 128 tokens, ends that come, beams', () => {
    expect(CASES.filter(({ ids }) => ids.length === 128)).to.have.length.above(5);
    expect(CASES.filter(({ ids, options }) => ids.length < (options.maxNewTokens ?? 0))).to.have.length.above(
      10,
    );
    expect(CASES.filter(({ options }) => (options.numBeams ?? 1) > 1)).to.have.length.above(20);
  });

  it('yields token for token what transformers yields, one prompt at a time', () =>
    withModel(ON_WASM, async (model) => {
      for (const example of CASES.filter((_, i) => i % 4 === 0)) await expectAnswers(model, [example]);
    }));

  it('yields it for all prompts and options side by side, whose answers end at different times', () =>
    withModel(ON_WASM, (model) => expectAnswers(model, CASES)));

  it('yields it on plain JavaScript', () =>
    withModel({ model: LLAMA, device: { name: 'portable', backend: 'cpu' } }, (model) =>
      expectAnswers(
        model,
        CASES.filter((_, i) => i % 9 === 0),
      ),
    ));

  describeNative('on the native device', () => {
    it('yields it, alone and side by side', () =>
      withModel({ model: LLAMA, device: { name: 'native', threads: 2 } }, async (model) => {
        for (const example of CASES) await expectAnswers(model, [example]);
        await expectAnswers(model, CASES);
      }));
  });
});
