import { expect } from 'chai';
import { IGNORED, type Tokenizer } from '../../../../core/index.js';
import {
  alpacaPrompt,
  concatenate,
  encodeExample,
  encodePrompt,
} from '../../../../plugins/backbones/kit/index.js';

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
const EXAMPLE = { instruction: 'Add.', input: '1 2', output: '3' };
const PLAIN = { instruction: 'Say hello.', input: '', output: 'Hello' };

const WITH_INPUT =
  'Below is an instruction that describes a task, paired with an input that provides further context. ' +
  'Write a response that appropriately completes the request.\n\n' +
  '### Instruction:\nAdd.\n\n### Input:\n1 2\n\n### Response:';
const WITHOUT_INPUT =
  'Below is an instruction that describes a task. ' +
  'Write a response that appropriately completes the request.\n\n' +
  '### Instruction:\nSay hello.\n\n### Response:';

describe('the prompt', () => {
  it('is that of Alpaca-CoT to the letter, with input and without', () => {
    expect(alpacaPrompt(EXAMPLE)).to.equal(WITH_INPUT);
    expect(alpacaPrompt(PLAIN)).to.equal(WITHOUT_INPUT);
  });

  it('takes $-patterns in a record as the text that they are', () => {
    expect(alpacaPrompt({ instruction: "$& $1 $'", input: '' })).to.include("\n$& $1 $'\n");
  });

  it('begins with the beginning-of-text token where there is one', () => {
    expect(encodePrompt(tokenizerOf(), PLAIN)).to.deep.equal([BOS, ...codes(WITHOUT_INPUT)]);
    expect(encodePrompt(tokenizerOf({ bosId: null }), PLAIN)).to.deep.equal(codes(WITHOUT_INPUT));
  });
});

describe('encodeExample', () => {
  it('puts a space, the output, a space and the end token after the prompt, and labels just these', () => {
    const { inputIds, labels } = encodeExample(tokenizerOf(), EXAMPLE, 1000);
    const prompt = [BOS, ...codes(WITH_INPUT)];
    const answer = [...codes(' 3 '), EOS];
    expect([...inputIds]).to.deep.equal([...prompt, ...answer]);
    expect([...labels]).to.deep.equal([...prompt.map(() => IGNORED), ...answer]);
  });

  it('labels the end token', () => {
    const { labels } = encodeExample(tokenizerOf(), PLAIN, 1000);
    expect(labels.at(-1)).to.equal(EOS);
    expect(concatenate([{ inputIds: labels, labels }]).labels.at(-1)).to.equal(EOS);
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

  it('puts a text for pretraining between its two tokens, all of it with labels, and cuts it', () => {
    const ids = [BOS, ...codes('Once.'), EOS];
    const { inputIds, labels } = encodeExample(tokenizerOf(), { text: 'Once.' }, 64);
    expect([...inputIds]).to.deep.equal(ids);
    expect([...labels]).to.deep.equal(ids);
    expect([...encodeExample(tokenizerOf(), { text: 'Once.' }, 4).labels]).to.deep.equal(ids.slice(0, 4));
    const { inputIds: bare } = encodeExample(tokenizerOf({ bosId: null }), { text: 'Once.' }, 64);
    expect([...bare]).to.deep.equal(ids.slice(1));
  });
});

describe('concatenate', () => {
  const row = (inputIds: number[], labels: number[]) => ({
    inputIds: Int32Array.from(inputIds),
    labels: Int32Array.from(labels),
  });

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
