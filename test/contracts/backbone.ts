/**
 * What every backbone must do, held to itself; backbone-parity.ts holds those built in to transformers:
 *
 *     describeBackbone('bloom', { model: fixture('bloom') });
 */

import { cpSync, readdirSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  type EncodedExample,
  type Example,
  IGNORED,
  type LanguageModel,
  PagedCache,
  type Pass,
  type Turn,
  toFloat32,
} from '../../core/index.js';
import { type Choice, choose } from '../support/choice.js';
import { type AssembledRun, encoderOf, withModel } from '../support/compose.js';
import { expectError } from '../support/errors.js';
import { TemporaryFolder } from '../support/files.js';
import { expectClose } from '../support/numbers.js';
import { AS_IT_IS, DEVICES, IN_FP32, lastLogitsOf, logitsOf, relativeDistance } from '../support/parity.js';
import { skip } from '../support/skip.js';
import { gradientsOf, moveParameters } from '../support/variables.js';

export interface BackboneFixture {
  /** The folder of a model in safetensors; or what makes one in a folder. */
  readonly model: string | ((folder: string) => Promise<void>);
  /** Where a LoRA adapter goes, where the backbone has no default. */
  readonly targetModules?: readonly string[];
  /** Another shape of a model that is described too: plain JavaScript, which is slow, need not compute it. */
  readonly isVariant?: true;
}

const turn = (role: Turn['role'], content: string, trained = false): Turn => ({ role, content, trained });
const BEFORE = [
  turn('system', 'Brief.'),
  turn('user', 'A color?'),
  turn('assistant', 'Blue'),
  turn('user', 'More?'),
];
const ANSWER = turn('assistant', 'Red', true);
const CONVERSATION: Example = { kind: 'turns', turns: [...BEFORE, ANSWER] };
const QUESTION = {
  kind: 'instruction',
  instruction: '写词。',
  input: 'one',
  output: '词 word',
} as const;
const TEXT: Example = { kind: 'text', text: 'A text.' };
const TRAINING: Pass = { ...AS_IT_IS, training: true };

/** @param third the files of third parties' plugins */
export function describeBackbone(name: string, fixture: BackboneFixture, third: Choice = {}): void {
  const { targetModules, isVariant } = fixture;

  describe(`the backbone ${name}${typeof fixture.model === 'string' ? ` on ${fixture.model}` : ''}`, () => {
    let folder: TemporaryFolder;
    let values: { model: { path: string }; data: object };
    before(async () => {
      folder = new TemporaryFolder();
      const { model } = fixture;
      if (typeof model !== 'string') await model(folder.join('.'));
      const path = typeof model === 'string' ? model : folder.path;
      // Without many words around them rows are short, and plain JavaScript is done with them soon.
      const data = { sources: ['none'], template: 'plain' };
      values = { model: { path }, data, ...choose('backbones', name, third) };
    });
    after(() => folder.remove());

    const adapter = { method: 'lora', ...(targetModules && { targetModules }) };
    type Use<T> = (
      model: LanguageModel,
      rows: readonly EncodedExample[],
      run: AssembledRun,
    ) => T | Promise<T>;
    /** Lets `use` work with the model and three rows of different length. */
    const loaded = <T>(on: object, use: Use<T>): Promise<T> =>
      withModel({ ...values, ...on }, (model, run) => {
        const rows = [QUESTION, TEXT, CONVERSATION].map((example) => run.encoder.encode(example, 512));
        return use(model, rows, run);
      });
    /** The same with an adapter that is not as it began. */
    const adapted = <T>(on: object, use: Use<T>): Promise<T> =>
      loaded({ ...on, adapter }, (model, ...rest) => {
        moveParameters(model);
        return use(model, ...rest);
      });

    for (const { title, device, missing } of DEVICES) {
      if (isVariant && title === 'portable, cpu') continue;
      describe(`on ${title}`, () => {
        before(function () {
          if (missing !== undefined) skip(this, missing);
        });
        const on = { device, quantizer: IN_FP32 };

        it('yields for rows together what it yields for each alone', () =>
          loaded(on, (model, rows) => {
            const numbersOf = (batch = model.collate(rows)) => ({
              logits: [...logitsOf(model, batch)],
              next: [...lastLogitsOf(model, batch)],
              loss: tf.tidy(() => model.crossEntropy(batch, AS_IT_IS).dataSync()[0]),
            });
            const together = numbersOf();
            const alone = rows.map((row) => numbersOf(model.collate([row])));
            expectClose(
              together.logits,
              alone.flatMap(({ logits }) => logits),
              1e-5,
              'logits',
            );
            expectClose(
              together.next,
              alone.flatMap(({ next }) => next),
              1e-5,
              'next logits',
            );
            const sum = alone.reduce((total, { loss }) => total + loss, 0);
            expect(together.loss).to.be.closeTo(sum, 1e-5 * sum);
          }));

        it('yields the log-probability of each label, and the logits of some tokens alone', () =>
          loaded(on, (model, rows) => {
            const batch = model.collate(rows);
            const all = logitsOf(model, batch);
            const vocabulary = all.length / batch.labels.length;
            const targets = [...batch.labels.keys()].filter((at) => batch.labels[at] !== IGNORED);
            expect(targets).to.have.lengthOf(batch.targets);
            const places = Int32Array.from(targets, (at) => at - 1);
            const rowAt = (at: number) => all.subarray(at * vocabulary, (at + 1) * vocabulary);
            const few = tf.tidy(() => model.logits(batch, AS_IT_IS, places).dataSync().slice());
            expectClose(
              few,
              Array.from(places).flatMap((at) => [...rowAt(at)]),
              1e-5,
              'logits of some tokens',
            );
            const found = tf.tidy(() => model.logProbabilities(batch, AS_IT_IS).dataSync().slice());
            const wanted = targets.map((at) => rowAt(at - 1)[batch.labels[at]] - logSumExp(rowAt(at - 1)));
            expectClose(found, wanted, 1e-5, 'log-probabilities');
          }));

        it('has one gradient: of the loss, of log-probabilities, and with gradient checkpointing', () =>
          adapted(on, (model, rows) => {
            const batch = model.collate(rows);
            const [wanted, ...others] = [
              () => model.crossEntropy(batch, TRAINING),
              () => tf.neg(tf.sum(model.logProbabilities(batch, TRAINING))) as tf.Scalar,
              () => model.crossEntropy(batch, { ...TRAINING, checkpointing: true }),
            ].map((loss) => gradientsOf(model, loss));
            for (const { loss, gradients } of others) {
              expect(loss).to.be.closeTo(wanted.loss, 1e-5 * wanted.loss);
              for (const [key, gradient] of gradients)
                expect(relativeDistance(gradient, wanted.gradients.get(key)!), key).to.be.below(1e-3);
            }
          }));

        it('is, in a pass without adapters, the base model bit for bit', async () => {
          const numbersOf = (model: LanguageModel, rows: readonly EncodedExample[], pass: Pass) =>
            tf.tidy(() => {
              const batch = model.collate(rows);
              return [model.logits(batch, pass), model.crossEntropy(batch, pass)].map((tensor) => [
                ...tensor.dataSync(),
              ]);
            });
          const base = await loaded(on, (model, rows) => numbersOf(model, rows, AS_IT_IS));
          await adapted(on, (model, rows) => {
            expect(numbersOf(model, rows, { ...AS_IT_IS, withoutAdapters: true })).to.deep.equal(base);
            expect(numbersOf(model, rows, AS_IT_IS)).to.not.deep.equal(base);
          });
        });

        it('yields with a key-value cache, in several passes, what it yields at once', () =>
          loaded(on, async (model, [row], { encoder, assembler }) => {
            const { makeCache } = await assembler.openDevice();
            const cache = makeCache?.() ?? new PagedCache();
            const sequence = cache.begin();
            const { length } = encoder.encodePrompt(QUESTION);
            for (const end of [length, length + 1, row.inputIds.length]) {
              const batch = model.collate([{ inputIds: row.inputIds.subarray(0, end), spans: [] }]);
              const pass = cache.pass(batch, [sequence]);
              const cached = tf.tidy(() => model.nextLogits(pass.batch, pass).dataSync().slice());
              pass.commit();
              expectClose(cached, lastLogitsOf(model, batch), 1e-4, `after ${end} tokens`);
            }
            sequence.free();
          }));
      });
    }

    describe('its encoder', () => {
      it('puts the prompt that asks for an answer before the answer, which the end token ends', async () => {
        const encoder = await encoderOf(values);
        const { tokenizer } = encoder;
        for (const [prompt, example, answer] of [
          [QUESTION, QUESTION, QUESTION.output],
          [{ turns: BEFORE }, CONVERSATION, ANSWER.content],
        ] as const) {
          const ids = encoder.encodePrompt(prompt);
          const { inputIds, spans } = encoder.encode(example, 512);
          expect([...inputIds.subarray(0, ids.length)]).to.deep.equal(ids);
          expect(spans).to.deep.equal([[ids.length, inputIds.length]]);
          expect(inputIds.at(-1)).to.equal(tokenizer.eosId);
          expect(tokenizer.decode([...inputIds.subarray(0, -1)]).trim()).to.match(new RegExp(`${answer}$`));
          expect(encoder.encode(example, ids.length).spans, 'cut where the answer begins').to.deep.equal([]);
        }
      });

      it('has labels to the end of a text, and refuses preference pairs', async () => {
        const encoder = await encoderOf(values);
        const { inputIds, spans } = encoder.encode(TEXT, 512);
        expect(spans).to.have.lengthOf(1);
        expect(spans[0][1]).to.equal(inputIds.length);
        expect(inputIds.at(-1)).to.equal(encoder.tokenizer.eosId);
        const prompt = { instruction: 'a', input: '' };
        const pair: Example = { kind: 'preference', prompt, chosen: 'b', rejected: 'c' };
        const told = 'preference pairs are for preference tuning';
        await expectError(() => encoder.encode(pair, 512), 'DATA_RECORD', told);
      });
    });

    it('tells its name, and has one output layer, and a name for each of all that could be trained', () =>
      loaded({}, (model) => {
        expect(model.backbone).to.equal(name);
        expect(model.linears.filter((site) => site.isOutput)).to.have.lengthOf(1);
        const sites = [...model.linears, ...model.embeddings].map((site) => site.name);
        const names = [...sites, ...model.vectors.keys()];
        expect(new Set(names).size).to.equal(names.length);
        expect([...model.trainable.keys()]).to.deep.equal([]);
      }));

    it('draws weights at random where that is asked, the same for a seed, and needs none for it', async () => {
      const weightless = new TemporaryFolder();
      try {
        for (const file of readdirSync(values.model.path))
          if (!/safetensors|\.bin/.test(file))
            cpSync(`${values.model.path}/${file}`, weightless.join(file), { recursive: true });
        const drawn = (seed: number) =>
          loaded({ model: { path: weightless.path, init: 'random' }, train: { seed } }, ({ linears }) =>
            linears.map((site) => ({ name: site.name, numbers: toFloat32(site.weight) })),
          );
        const first = await drawn(1);
        expect(await drawn(1)).to.deep.equal(first);
        const [names, others] = [first, await drawn(2)].map((sites) => sites.map((site) => site.name));
        expect(names).to.deep.equal(others);
        expect(await drawn(2)).to.not.deep.equal(first);
      } finally {
        weightless.remove();
      }
    });

    it('leaves a model of another type to others, and is told to be known where none takes it', async () => {
      const other = new TemporaryFolder();
      try {
        other.write('config.json', JSON.stringify({ model_type: 'other' }));
        const asked = { ...values, model: { path: other.path, backbone: name } };
        await expectError(
          () => encoderOf(asked),
          'MODEL_UNKNOWN',
          `the backbone "${name}" does not know`,
          `model_type is "other"`,
        );
      } finally {
        other.remove();
      }
    });
  });
}

function logSumExp(logits: Float32Array): number {
  const most = logits.reduce((max, logit) => Math.max(max, logit), Number.NEGATIVE_INFINITY);
  return most + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
}
