import { expect } from 'chai';
import {
  type EncodedExample,
  type Example,
  IGNORED,
  labelsOf,
  type Prompt,
  type Tokenizer,
  type Turn,
} from '../../../../core/index.js';
import { CausalEncoder, concatenate } from '../../../../plugins/backbones/kit/index.js';
import { alpaca } from '../../../../plugins/templates/alpaca/index.js';
import { expectError } from '../../../support/errors.js';
import { rowOf } from '../../../support/rows.js';

const BOS = 1;
const EOS = 2;

/**
 * One token a character, except for the pairs in `merges`, each of which is a token of its own. With `addsSpace` every
 * text begins with a space of the tokenizer's own, as with SentencePiece.
 */
function tokenizerOf({
  bosId = BOS as number | null,
  merges = [] as string[],
  addsSpace = false,
} = {}): Tokenizer {
  const encode = (plain: string): number[] => {
    const text = addsSpace ? ` ${plain}` : plain;
    const ids: number[] = [];
    for (let at = 0; at < text.length; at++) {
      const merge = merges.indexOf(text.slice(at, at + 2));
      if (merge >= 0) at++;
      ids.push(merge >= 0 ? 0x20000 + merge : text.charCodeAt(at));
    }
    return ids;
  };
  const decode = (ids: readonly number[]) => {
    const pieces = ids
      .filter((id) => id !== BOS && id !== EOS)
      .map((id) => merges[id - 0x20000] ?? String.fromCharCode(id));
    return addsSpace ? pieces.join('').slice(1) : pieces.join('');
  };
  return { vocabularySize: 0x20000 + merges.length, bosId, eosId: EOS, encode, decode };
}

const codes = (text: string) => Array.from(text, (character) => character.charCodeAt(0));
const EXAMPLE = { kind: 'instruction', instruction: 'Add.', input: '1 2', output: '3' } as const;
const PLAIN = { kind: 'instruction', instruction: 'Say hello.', input: '', output: 'Hello' } as const;

function encodeExample(tokenizer: Tokenizer, example: Example, cutoffLength: number) {
  const encoded = new CausalEncoder(tokenizer, alpaca).encode(example, cutoffLength);
  return { ...encoded, labels: labelsOf(encoded) };
}
const encodePrompt = (tokenizer: Tokenizer, prompt: Prompt) =>
  new CausalEncoder(tokenizer, alpaca).encodePrompt(prompt);

const WITH_INPUT =
  'Below is an instruction that describes a task, paired with an input that provides further context. ' +
  'Write a response that appropriately completes the request.\n\n' +
  '### Instruction:\nAdd.\n\n### Input:\n1 2\n\n### Response:';
const WITHOUT_INPUT =
  'Below is an instruction that describes a task. ' +
  'Write a response that appropriately completes the request.\n\n' +
  '### Instruction:\nSay hello.\n\n### Response:';

describe('the prompt', () => {
  it('begins with the beginning-of-text token where there is one', () => {
    expect(encodePrompt(tokenizerOf(), PLAIN)).to.deep.equal([BOS, ...codes(WITHOUT_INPUT)]);
    expect(encodePrompt(tokenizerOf({ bosId: null }), PLAIN)).to.deep.equal(codes(WITHOUT_INPUT));
  });
});

describe('an encoder of the kit', () => {
  it('puts a space, the output, a space and the end token after the prompt, and labels just these', () => {
    const { inputIds, labels } = encodeExample(tokenizerOf(), EXAMPLE, 1000);
    const prompt = [BOS, ...codes(WITH_INPUT)];
    const answer = [...codes(' 3 '), EOS];
    expect([...inputIds]).to.deep.equal([...prompt, ...answer]);
    expect([...labels]).to.deep.equal([...prompt.map(() => IGNORED), ...answer]);
  });

  it('labels the end token', () => {
    const encoded = encodeExample(tokenizerOf(), PLAIN, 1000);
    expect(encoded.labels.at(-1)).to.equal(EOS);
    expect(concatenate([encoded]).labels.at(-1)).to.equal(EOS);
  });

  it('cuts at the cutoff, the end token included, the labels as the tokens', () => {
    const tokenizer = tokenizerOf();
    const whole = encodeExample(tokenizer, PLAIN, 1000);
    const size = whole.inputIds.length;
    expect([...encodeExample(tokenizer, PLAIN, size).inputIds]).to.deep.equal([...whole.inputIds]);
    const cut = encodeExample(tokenizer, PLAIN, size - 2);
    expect([...cut.inputIds]).to.deep.equal([...whole.inputIds.slice(0, size - 2)]);
    expect([...cut.labels]).to.deep.equal([...whole.labels.slice(0, size - 2)]);
  });

  it('leaves no label where the prompt fills the cutoff', () => {
    const { inputIds, labels } = encodeExample(tokenizerOf(), PLAIN, 20);
    expect(inputIds).to.have.lengthOf(20);
    expect(labels.every((label) => label === IGNORED)).to.equal(true);
  });

  it('tokenizes prompt and answer apart where the tokenizer would merge across the border', () => {
    // ': ' is the prompt's last character and the answer's first.
    const tokenizer = tokenizerOf({ merges: [': '] });
    const { inputIds, labels } = encodeExample(tokenizer, PLAIN, 1000);
    const prompt = [BOS, ...codes(WITHOUT_INPUT)];
    const answer = [...codes(' Hello '), EOS];
    expect([...inputIds]).to.deep.equal([...prompt, ...answer]);
    expect([...labels]).to.deep.equal([...prompt.map(() => IGNORED), ...answer]);
    // Training must show the model the very tokens after which it is to generate.
    expect([...inputIds].slice(0, prompt.length)).to.deep.equal(encodePrompt(tokenizer, PLAIN));
  });

  it('then takes a space that the tokenizer adds of its own for the one before the output', () => {
    const tokenizer = tokenizerOf({ merges: [': '], addsSpace: true });
    const { inputIds, labels } = encodeExample(tokenizer, PLAIN, 1000);
    const prompt = encodePrompt(tokenizer, PLAIN);
    const answer = [...codes(' Hello '), EOS];
    expect([...inputIds]).to.deep.equal([...prompt, ...answer]);
    expect([...labels]).to.deep.equal([...prompt.map(() => IGNORED), ...answer]);
  });

  it('lets a tokenizer merge elsewhere', () => {
    const { inputIds, labels } = encodeExample(tokenizerOf({ merges: [' H', '##'] }), PLAIN, 1000);
    const labelled = [...labels].filter((label) => label !== IGNORED);
    expect(labelled).to.deep.equal([0x20000, ...codes('ello '), EOS]);
    expect([...inputIds]).to.include(0x20001);
  });

  it('puts a text for pretraining between its two tokens, all that can be predicted with labels, and cuts it', () => {
    const ids = [BOS, ...codes('Once.'), EOS];
    const text = { kind: 'text', text: 'Once.' } as const;
    const encoded = encodeExample(tokenizerOf(), text, 64);
    expect([...encoded.inputIds]).to.deep.equal(ids);
    expect([...concatenate([encoded]).labels]).to.deep.equal([IGNORED, ...ids.slice(1)]);
    const cut = encodeExample(tokenizerOf(), text, 4);
    expect([...concatenate([cut]).labels]).to.deep.equal([IGNORED, ...ids.slice(1, 4)]);
    const { inputIds: bare, labels } = encodeExample(tokenizerOf({ bosId: null }), text, 64);
    expect([...bare]).to.deep.equal(ids.slice(1));
    expect([...labels]).to.deep.equal(ids.slice(1));
  });
});

describe('an encoder of the kit, of a conversation', () => {
  const turnsOf = (...trained: boolean[]): Turn[] => [
    { role: 'system', content: 'Be brief.', trained: false },
    ...trained.flatMap((isTrained, i): Turn[] => [
      { role: 'user', content: `Say ${i}.`, trained: false },
      { role: 'assistant', content: String(i), trained: isTrained },
    ]),
  ];
  const first = [BOS, ...codes('Be brief.\n\n### Instruction:\nSay 0.\n\n### Response:')];
  const second = codes('\n\n### Instruction:\nSay 1.\n\n### Response:');
  const answers = [
    [...codes(' 0 '), EOS],
    [...codes(' 1 '), EOS],
  ];
  const ids = [...first, ...answers[0], ...second, ...answers[1]];
  const ends = [first, answers[0], second, answers[1]].map(
    (_, i, parts) => parts.slice(0, i + 1).flat().length,
  );

  it('puts one exchange after the other, each answer ended, and labels those that are trained on', () => {
    const spans = { first: [ends[0], ends[1]], second: [ends[2], ends[3]] };
    for (const [trained, wanted] of [
      [
        [true, true],
        [spans.first, spans.second],
      ],
      [[false, true], [spans.second]],
      [[true, false], [spans.first]],
      [[false, false], []],
    ] as const) {
      const encoded = encodeExample(tokenizerOf(), { kind: 'turns', turns: turnsOf(...trained) }, 1000);
      expect([...encoded.inputIds]).to.deep.equal(ids);
      expect(encoded.spans).to.deep.equal(wanted);
    }
  });

  it('cuts within any answer', () => {
    const turns = turnsOf(true, true);
    const spansAt = (cutoff: number) => encodeExample(tokenizerOf(), { kind: 'turns', turns }, cutoff).spans;
    expect(spansAt(ends[2] + 1)).to.deep.equal([
      [ends[0], ends[1]],
      [ends[2], ends[2] + 1],
    ]);
    expect(spansAt(ends[2])).to.deep.equal([[ends[0], ends[1]]]);
    expect(spansAt(ends[1] - 1)).to.deep.equal([[ends[0], ends[1] - 1]]);
    expect(spansAt(ends[0])).to.deep.equal([]);
  });

  it('asks for the last answer with the tokens that stand before it in training', () => {
    const turns = turnsOf(true, true).slice(0, -1);
    expect(encodePrompt(tokenizerOf(), { turns })).to.deep.equal(ids.slice(0, ends[2]));
  });

  it('refuses turns that the template has no words for, and examples that have no row', async () => {
    const tool: Turn = { role: 'tool', content: 'x', trained: false };
    const encode = (example: Example) => () => encodeExample(tokenizerOf(), example, 1000);
    await expectError(
      encode({ kind: 'turns', turns: [...turnsOf(true), tool] }),
      'DATA_RECORD',
      'turn 4 of 4 is by "tool", but the template "alpaca" expects "user"',
    );
    const pair = { kind: 'preference', prompt: PLAIN, chosen: 'a', rejected: 'b' } as const;
    await expectError(encode(pair), 'DATA_RECORD', 'preference pairs are for preference tuning');
    const unknown = { kind: 'image' } as unknown as Example;
    await expectError(encode(unknown), 'DATA_RECORD', 'of the kind "image", which is not known');
  });
});

describe('concatenate', () => {
  const row = (inputIds: number[], labels: number[]): EncodedExample => rowOf({ inputIds, labels });

  it('lays sequences one after another, each with positions of its own', () => {
    const batch = concatenate([row([5, 6], [IGNORED, 6]), row([7, 8, 9], [IGNORED, 8, 9])]);
    expect([...batch.offsets]).to.deep.equal([0, 2, 5]);
    expect([...batch.inputIds]).to.deep.equal([5, 6, 7, 8, 9]);
    expect([...batch.labels]).to.deep.equal([IGNORED, 6, IGNORED, 8, 9]);
    expect([...batch.positions]).to.deep.equal([0, 1, 0, 1, 2]);
    expect(batch.targets).to.equal(3);
  });

  it('counts the labels that a loss can count: not those of a first token', () => {
    expect(concatenate([row([5, 6], [5, 6])]).targets).to.equal(1);
    const batch = concatenate([row([5, 6, 7], [5, IGNORED, 7]), row([5], [5])]);
    expect(batch.targets).to.equal(1);
    expect([...batch.labels]).to.deep.equal([IGNORED, IGNORED, 7, IGNORED]);
  });
});
