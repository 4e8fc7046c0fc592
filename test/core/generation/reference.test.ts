import { expect } from 'chai';
import { BeamSearch } from '../../../core/generation/beams.js';
import { decode } from '../../../core/generation/decoder.js';
import { GENERATE_DEFAULTS, type GenerateOptions } from '../../../core/generation/options.js';
import { TokenSearch } from '../../../core/generation/search.js';
import type { LanguageModel } from '../../../core/index.js';
import { readFixture, withModel } from '../../support/compose.js';
import { fixture } from '../../support/files.js';
import { LLAMA } from '../../support/llama-fixture.js';
import { describeNative } from '../../support/native.js';
import { IN_FP32 } from '../../support/parity.js';

/** What test/fixtures/make_llama.py and make_bloom.py had transformers generate. */
interface Case {
  readonly options: Partial<GenerateOptions>;
  readonly prompt: readonly number[];
  readonly eos: readonly number[];
  readonly ids: readonly number[];
}

const CASES = readFixture<Case[]>('llama', 'generate.json');
const BLOOM_CASES = readFixture<Case[]>('bloom', 'generate.json');

function searchOf({ options: given, prompt, eos }: Case): BeamSearch | TokenSearch {
  const options = { ...GENERATE_DEFAULTS, ...given };
  const limit = prompt.length + options.maxNewTokens;
  const all = { ...options, name: 'the prompt', stopIds: new Set(eos), limit };
  return options.numBeams > 1 ? new BeamSearch(prompt, all) : new TokenSearch(prompt, all);
}

/** The portable device computes some, as it is slow; native computes all. */
const everyNth = (cases: readonly Case[], n: number) => cases.filter((_, i) => i % n === 0);

const nameOf = ({ options, prompt, eos, ids }: Case) =>
  `${JSON.stringify(options)}, ${prompt.length} + ${ids.length} tokens, ends: ${eos}`;

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

  for (const [model, cases] of Object.entries({ llama: CASES, bloom: BLOOM_CASES })) {
    it(`has cases of each kind, of ${model}: 128 tokens, ends that come, beams, several ends`, () => {
      const count = (is: (example: Case) => boolean) => cases.filter(is).length;
      expect(count(({ ids }) => ids.length === 128)).to.be.above(3);
      expect(count(({ ids, options }) => ids.length < (options.maxNewTokens ?? 0))).to.be.above(10);
      expect(count(({ options }) => (options.numBeams ?? 1) > 1)).to.be.above(20);
      expect(count(({ eos }) => eos.length > 1)).to.be.above(8);
    });
  }

  it('yields token for token what transformers yields, one prompt at a time', () =>
    withModel(ON_WASM, async (model) => {
      for (const example of everyNth(CASES, 11)) await expectAnswers(model, [example]);
    }));

  it('yields it side by side, of answers that end at different times', () =>
    withModel(ON_WASM, (model) => expectAnswers(model, everyNth(CASES, 5))));

  it('yields it of a BLOOM', () =>
    withModel({ ...ON_WASM, model: { path: fixture('bloom') } }, (model) =>
      expectAnswers(model, everyNth(BLOOM_CASES, 5)),
    ));

  it('yields it on plain JavaScript', () =>
    withModel({ model: LLAMA, device: { name: 'portable', backend: 'cpu' } }, (model) =>
      expectAnswers(model, everyNth(CASES, 17)),
    ));

  describeNative('on the native device', () => {
    it('yields it, alone and side by side', () =>
      withModel({ model: LLAMA, device: { name: 'native', threads: 2 } }, async (model) => {
        for (const example of CASES) await expectAnswers(model, [example]);
        await expectAnswers(model, CASES);
      }));

    it('yields it of a BLOOM', () =>
      withModel(
        { model: { path: fixture('bloom') }, quantizer: IN_FP32, device: { name: 'native', threads: 2 } },
        (model) => expectAnswers(model, BLOOM_CASES),
      ));
  });
});
