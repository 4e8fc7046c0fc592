import { expect } from 'chai';
import { CHATGLM_PIECES, CHATGLM2_PIECES } from '../../../../plugins/backbones/chatglm/sentencepiece.js';
import { expectReference, tokenizerFile, tokenizerOf } from '../../../support/tokenizers.js';

const load = (name: string, settings: object) =>
  tokenizerOf(
    { 'ice_text.model': tokenizerFile(`${name}.model`), 'tokenizer_config.json': settings },
    CHATGLM_PIECES,
  );

describe("ChatGLM's SentencePiece models, held to sentencepiece", () => {
  it('ice_text.model of the first releases: markers, blanks and bytes are added, ids of images come first', async () => {
    const tokenizer = await load('ice_text', { eos_token: '<eop>' });
    expectReference(tokenizer, 'ice_text', 20_000);
    const slim = await load('ice_slim', { num_image_tokens: 0, eos_token: '<eop>' });
    expect(tokenizer.vocabularySize).to.equal(20_000 + slim.vocabularySize);
    expect(tokenizer.idOf('[gMASK]')).to.equal(20_000 + slim.idOf('[gMASK]')!);
    expect(tokenizer.eosId).to.equal(tokenizer.idOf('<eop>'));
  });

  it('ice_text.model of the later ones', async () => {
    const tokenizer = await load('ice_slim', { num_image_tokens: 0, eos_token: '<eop>' });
    expectReference(tokenizer, 'ice_slim');
    for (const marker of ['[MASK]', '[gMASK]', '<sop>', '<eop>', '</s>']) {
      expect(tokenizer.encode(`a ${marker}`)).to.not.include(tokenizer.idOf(marker));
    }
  });

  it('keeps line breaks, tabs and runs of spaces', async () => {
    const tokenizer = await load('ice_slim', { num_image_tokens: 0, eos_token: '<eop>' });
    for (const text of ['a\n\n  b\t\tc', `${' '.repeat(300)}x`, 'x\n', '\tx']) {
      expect(tokenizer.decode(tokenizer.encode(text))).to.equal(text);
    }
  });

  it("tokenizer.model of ChatGLM2 and ChatGLM3: markers and roles follow the model's pieces", async () => {
    const files = { 'tokenizer.model': tokenizerFile('chatglm2.model') };
    const plain = await tokenizerOf(files);
    const tokenizer = await tokenizerOf(files, CHATGLM2_PIECES);
    expectReference(tokenizer, 'chatglm2');
    const first = plain.vocabularySize;
    expect(['[MASK]', '[gMASK]', '[sMASK]', 'sop', 'eop', '<|system|>'].map(tokenizer.idOf)).to.deep.equal(
      [0, 1, 2, 3, 4, 5].map((place) => first + place),
    );
    expect(tokenizer.eosId).to.equal(2);
  });
});
