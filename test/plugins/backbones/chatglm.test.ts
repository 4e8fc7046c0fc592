import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  deriveSeed,
  type EncodedExample,
  type Encoder,
  IGNORED,
  labelsOf,
  type Turn,
} from '../../../core/index.js';
import { prefixPositions } from '../../../plugins/backbones/chatglm/positions.js';
import { concatenate } from '../../../plugins/backbones/kit/index.js';
import { describeParity } from '../../contracts/backbone-parity.js';
import { changeTensors } from '../../support/checkpoints.js';
import { compose, encoderOf, floatsOf, readFixture, withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { expectClose } from '../../support/numbers.js';
import { lastLogitsOf, logitsOf, RECORDS, readParity } from '../../support/parity.js';

for (const folder of ['chatglm', 'chatglm2', 'chatglm2-odd']) {
  describeParity('chatglm', { fixture: folder });
}

const FIRST = { path: fixture('chatglm') };
const SECOND = { path: fixture('chatglm2') };
/** As the fixture's config.json has them. */
const [MASK, GMASK, SOP, EOP] = [340, 341, 344, 345];

const textOf = (text: string) => ({ kind: 'text', text }) as const;

/** A sequence without labels. */
function rowOf(...ids: number[]): EncodedExample {
  return { inputIds: Int32Array.from(ids), spans: [] };
}

describe('the positions of ChatGLM-6B', () => {
  const markers = { mask: MASK, gmask: GMASK, start: SOP };
  const positionsOf = (...rows: EncodedExample[]) => {
    const { positions, blockPositions, prefixes } = prefixPositions(concatenate(rows), markers);
    return { first: [...positions], second: [...blockPositions], prefixes: [...prefixes] };
  };

  it('count the context, then stay at the mask and count the answer, in each sequence anew', () => {
    const rows = [rowOf(7, 8, GMASK, SOP, 9, 10), rowOf(GMASK, SOP, 9)];
    expect(positionsOf(...rows)).to.deep.equal({
      first: [0, 1, 2, 2, 2, 2, 0, 0, 0],
      second: [0, 0, 0, 1, 2, 3, 0, 1, 2],
      prefixes: [3, 1],
    });
  });

  it('stay at a [MASK] within the context; where there are both, at the [gMASK]', () => {
    expect(positionsOf(rowOf(7, MASK, 8, SOP, 9))).to.deep.equal({
      first: [0, 1, 2, 1, 1],
      second: [0, 0, 0, 1, 2],
      prefixes: [3],
    });
    expect(positionsOf(rowOf(MASK, 8, GMASK, SOP)).first).to.deep.equal([0, 1, 2, 2]);
  });

  it('cannot be had without <sop>, or without a mask before it', () => {
    expect(() => positionsOf(rowOf(7, GMASK, SOP), rowOf(7, GMASK))).to.throw(RangeError, 'sequence 1 of 2');
    expect(() => positionsOf(rowOf(7, SOP, GMASK))).to.throw(RangeError, 'no [gMASK] (341) before');
  });

  it('let the context see itself both ways, and the answer only what is before it', () =>
    withModel({ model: FIRST }, (model) => {
      const at = (row: EncodedExample, token: number) => {
        const logits = logitsOf(model, model.collate([row]));
        const width = logits.length / row.inputIds.length;
        return logits.slice(token * width, (token + 1) * width);
      };
      const row = rowOf(270, 280, 290, GMASK, SOP, 300, 310);
      const laterContext = rowOf(270, 280, 291, GMASK, SOP, 300, 310);
      const laterAnswer = rowOf(270, 280, 290, GMASK, SOP, 300, 311);
      expect(at(laterContext, 0)).not.to.deep.equal(at(row, 0));
      for (const token of [0, 4, 5]) {
        expectClose(at(laterAnswer, token), at(row, token), 1e-6, `token ${token}`);
      }
    }));
});

describe('ChatGLM-6B far from the beginning', () => {
  it('yields the logits of its own code, which rounds rotary frequencies to halves', () => {
    const far = readFixture<{ inputIds: number[]; lastLogits: string }>('chatglm', 'far.json');
    return withModel({ model: FIRST }, (model) => {
      const last = lastLogitsOf(model, model.collate([rowOf(...far.inputIds)]));
      expectClose(last, floatsOf(far.lastLogits), 1e-4, 'logits');
    });
  });
});

describe('ChatGLM-6B with a tied output', () => {
  it('yields what one with the embedding as its output yields', async () => {
    const folder = new TemporaryFolder();
    try {
      cpSync(FIRST.path, folder.path, { recursive: true });
      const load = () =>
        withModel({ model: { path: folder.path } }, (model) =>
          lastLogitsOf(model, model.collate([rowOf(7, GMASK, SOP, 9)])),
        );
      await changeTensors(folder.path, (tensors) =>
        tensors.set('lm_head.weight', tensors.get('transformer.word_embeddings.weight')!),
      );
      const untied = await load();
      const json = readFixture<object>('chatglm', 'config.json');
      folder.write('config.json', JSON.stringify({ ...json, tie_word_embeddings: true }));
      expect(await load()).to.deep.equal(untied);
      await changeTensors(folder.path, (tensors) => tensors.delete('lm_head.weight'));
      expect(await load()).to.deep.equal(untied);
    } finally {
      folder.remove();
    }
  });
});

describe('ChatGLM-6B in tokens', () => {
  const TEXT = 'Name a color and give the opposite of the word. The answer is five.';

  /** Context and target of a row. */
  function partsOf(encoded: EncodedExample): { context: number[]; target: number[] } {
    const { inputIds } = encoded;
    const labels = labelsOf(encoded);
    const start = inputIds.indexOf(SOP);
    expect(inputIds[start - 1]).to.equal(GMASK);
    expect([...labels.subarray(0, start + 1)].every((label) => label === IGNORED)).to.equal(true);
    expect([...labels.subarray(start + 1)]).to.deep.equal([...inputIds.subarray(start + 1)]);
    return {
      context: [...inputIds.subarray(0, start - 1)],
      target: [...inputIds.subarray(start + 1)],
    };
  }

  const seeded = async <T>(seed: number, use: (encoder: Encoder) => T) =>
    use(await encoderOf({ model: FIRST, train: { seed } }));

  it('cuts a text for pretraining into context and target, at the same place for the same seed', async () => {
    const encode = (encoder: Encoder) =>
      ['', ' Yes.', ' No.', ' So be it.'].map((end) => [
        ...encoder.encode(textOf(`${TEXT}${end}`), 512).inputIds,
      ]);
    const [first, again, other] = [await seeded(1, encode), await seeded(1, encode), await seeded(5, encode)];
    expect(again).to.deep.equal(first);
    expect(other).not.to.deep.equal(first);
    await seeded(1, (encoder) => {
      const { context, target } = partsOf(encoder.encode(textOf(TEXT), 512));
      expect([...context, ...target]).to.deep.equal([...encoder.tokenizer.encode(TEXT), EOP]);
    });
  });

  it('gives half of the texts no context, and the others contexts of every length', () =>
    seeded(1, (encoder) => {
      const texts = Array.from({ length: 400 }, (_, i) => `${TEXT} ${deriveSeed(i, 'text')}`);
      const shares = texts.map((text) => {
        const { context, target } = partsOf(encoder.encode(textOf(text), 512));
        expect(target.length).to.be.above(1);
        return context.length / (context.length + target.length - 1);
      });
      const within = shares.filter((share) => share > 0);
      expect(within.length / texts.length).to.be.within(0.43, 0.57);
      expect(within.reduce((sum, share) => sum + share, 0) / within.length).to.be.within(0.43, 0.57);
      expect(Math.max(...within)).to.be.above(0.9);
    }));

  it('cuts a long text so that markers and target are left; a prompt that fills the row leaves nothing', () =>
    seeded(1, (encoder) => {
      for (let i = 0; i < 20; i++) {
        const encoded = encoder.encode(textOf(`${i} ${TEXT.repeat(4)}`), 16);
        expect(encoded.inputIds).to.have.lengthOf(16);
        expect(partsOf(encoded).target.length).to.be.above(0);
      }
      const cut = encoder.encode({ kind: 'instruction', instruction: TEXT, input: '', output: 'five' }, 16);
      expect(cut.inputIds).to.have.lengthOf(16);
      expect(cut.spans).to.deep.equal([]);
    }));

  it('takes markers within a text for the characters that they are', () =>
    seeded(1, (encoder) => {
      const ids = encoder.encodePrompt({ instruction: 'What is <sop> after [gMASK]?', input: '' });
      expect(ids.filter((id) => id >= MASK)).to.deep.equal([GMASK, SOP]);
      expect(encoder.tokenizer.decode([...ids, EOP])).to.contain('What is <sop> after [gMASK]?');
    }));

  it('has all but the last answer of a conversation in the context, and refuses to train on more', () =>
    seeded(1, async (encoder) => {
      const turnsOf = (trained: boolean): Turn[] => [
        { role: 'user', content: 'One?', trained: false },
        { role: 'assistant', content: 'First', trained },
        { role: 'user', content: 'Two?', trained: false },
        { role: 'assistant', content: 'Second', trained: true },
      ];
      const { context, target } = partsOf(encoder.encode({ kind: 'turns', turns: turnsOf(false) }, 512));
      expect(context).to.not.include(EOP);
      expect(encoder.tokenizer.decode(context)).to.contain('First').and.to.contain('Two?');
      expect(encoder.tokenizer.decode(target.slice(0, -1)).trim()).to.equal('Second');
      expect(target.at(-1)).to.equal(EOP);
      const twice = () => encoder.encode({ kind: 'turns', turns: turnsOf(true) }, 512);
      await expectError(twice, 'DATA_RECORD', 'answer 1 of 2', 'the last answer of a conversation alone');
    }));
});

describe('ChatGLM2 in tokens', () => {
  it('gives all of a text for pretraining labels, and its markers none', () =>
    encoderOf({ model: SECOND }).then((encoder) => {
      const encoded = encoder.encode(textOf('Name a color.'), 512);
      const ids = encoder.tokenizer.encode('Name a color.');
      expect([...encoded.inputIds]).to.deep.equal([GMASK, 343, ...ids, 2]);
      expect([...labelsOf(encoded)]).to.deep.equal([IGNORED, IGNORED, ...ids, 2]);
    }));
});

describe('a run of ChatGLM', () => {
  for (const model of [FIRST, SECOND]) {
    it(`loses the same over the same examples, packed or not: ${model.path.split('/').at(-1)}`, async () => {
      const folder = new TemporaryFolder();
      try {
        const losses: number[][] = [];
        for (const packing of [false, true]) {
          const run = await compose({
            model,
            device: 'portable',
            adapter: { method: 'lora', r: 4, dropout: 0, targetModules: ['query_key_value'] },
            data: {
              sources: [{ path: RECORDS, format: 'alpaca', limit: 8 }],
              cutoffLength: 512,
              validationSize: 0,
              packing,
            },
            train: { perDeviceBatchSize: 8, gradientAccumulationSteps: 1, maxSteps: 3, learningRate: 0.01 },
            output: folder.join(`packing-${packing}`),
          });
          await run.trainer.run();
          losses.push(run.events.flatMap((event) => (event.type === 'step' ? [event.loss] : [])));
        }
        expect(losses[0]).to.have.lengthOf(3);
        expectClose(losses[1], losses[0], 1e-5, 'loss');
      } finally {
        folder.remove();
      }
    });
  }
});

describe('the backbone chatglm refuses', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  function take(name: string): void {
    cpSync(fixture(name), folder.path, { recursive: true });
  }
  function change(name: string, values: Record<string, unknown>): void {
    const json = JSON.parse(readFileSync(folder.join(name), 'utf8')) as Record<string, unknown>;
    writeFileSync(folder.join(name), JSON.stringify({ ...json, ...values }));
  }
  const load = () => withModel({ model: { path: folder.path } }, () => {});

  it('what the config.json of a ChatGLM-6B says and it cannot do, all of it in one error', async () => {
    take('chatglm');
    change('config.json', { position_encoding_2d: false, quantization_bit: 4, inner_hidden_size: undefined });
    await expectError(
      load,
      'MODEL_INVALID',
      'config.json',
      ...['position_encoding_2d', 'but got false', 'quantization_bit', 'but got 4', 'inner_hidden_size'],
    );
  });

  it('the same of a ChatGLM2', async () => {
    take('chatglm2');
    change('config.json', { rmsnorm: false, add_bias_linear: true, pre_seq_len: 8, hidden_dropout: 0.1 });
    await expectError(
      load,
      'MODEL_INVALID',
      ...['rmsnorm', 'add_bias_linear', 'pre_seq_len', 'but got 8', 'hidden_dropout', 'but got 0.1'],
    );
    change('config.json', { attention_dropout: 0.2 });
    await expectError(load, 'MODEL_INVALID', 'attention_dropout', 'but got 0.2');
  });

  it('a rope_ratio without a name that tells its meaning', async () => {
    take('chatglm2');
    for (const _name_or_path of [undefined, './merged', 'chatglm2/chatglm3']) {
      change('config.json', { rope_ratio: 50, _name_or_path });
      await expectError(load, 'MODEL_INVALID', 'rope_ratio is 50', 'Set _name_or_path', 'chatglm2-6b-32k');
    }
    change('config.json', { rope_ratio: 1 });
    await load();
  });

  it('heads that do not divide', async () => {
    take('chatglm');
    change('config.json', { num_attention_heads: 16 });
    await expectError(load, 'MODEL_INVALID', '16 heads', 'heads of 2');
    take('chatglm2');
    change('config.json', { multi_query_group_num: 3 });
    await expectError(load, 'MODEL_INVALID', '4 heads of 8', '3 groups');
  });

  it("markers outside the vocabulary, as the first revision's are where config.json leaves them out", async () => {
    take('chatglm');
    change('config.json', { gmask_token_id: undefined });
    await expectError(load, 'MODEL_INVALID', 'gmask', '150001', 'vocab_size is 352');
  });

  it('markers that are others in the tokenizer, and a tokenizer without them', async () => {
    take('chatglm');
    change('config.json', { gmask_token_id: 342 });
    await expectError(load, 'MODEL_INVALID', '[gMASK] is 341', 'but 342 by config.json');
    rmSync(folder.path, { recursive: true });
    take('chatglm2');
    const json = readFileSync(folder.join('tokenizer.json'), 'utf8');
    writeFileSync(folder.join('tokenizer.json'), json.replaceAll('"sop"', '"nop"'));
    await expectError(load, 'MODEL_INVALID', 'no token sop');
  });

  it('tensors that are missing and tensors of another shape, in one error', async () => {
    take('chatglm');
    change('config.json', { num_layers: 3, inner_hidden_size: 64 });
    await expectError(
      load,
      'MODEL_INVALID',
      'transformer.layers.0.mlp.dense_h_to_4h.weight is [48,32], but config.json makes it [64,32]',
      'transformer.layers.2.attention.query_key_value.weight [96,32] is missing',
    );
  });

  it('a tokenizer that has more tokens than the embedding rows', async () => {
    take('chatglm2');
    change('config.json', { padded_vocab_size: 300 });
    await expectError(load, 'MODEL_INVALID', '345 tokens', '300 rows');
  });
});

describe('ChatGLM2 for long texts', () => {
  it('squeezes positions, and the later ones stretch the rotary base, by the same key', async () => {
    const folder = new TemporaryFolder();
    try {
      const row = rowOf(...readParity('chatglm2').rows[1].inputIds);
      cpSync(fixture('chatglm2'), folder.path, { recursive: true });
      const config = JSON.parse(readFileSync(folder.join('config.json'), 'utf8'));
      const cases = readFixture<{ config: { _name_or_path: string }; lastLogits: string }[]>(
        'chatglm2',
        'long.json',
      );
      expect(new Set(cases.map(({ lastLogits }) => lastLogits)).size).to.equal(2);
      for (const { config: change, lastLogits } of cases) {
        folder.write('config.json', JSON.stringify({ ...config, ...change }));
        await withModel({ model: { path: folder.path } }, (model) =>
          expectClose(
            lastLogitsOf(model, model.collate([row])),
            floatsOf(lastLogits),
            1e-4,
            change._name_or_path,
          ),
        );
      }
    } finally {
      folder.remove();
    }
  });
});
