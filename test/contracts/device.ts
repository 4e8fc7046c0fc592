/**
 * What every device must do, one with memory of its own too. Where it cannot be had here, it says so, and no more is held:
 *
 *     describeDevice('portable', { options: { backend: 'cpu' } });
 */

import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  type Device,
  GENERATE_DEFAULTS,
  generateAll,
  type LanguageModel,
  toFloat32,
} from '../../core/index.js';
import type { Plugin } from '../../core/plugins/plugin.js';
import { emulatedDriver } from '../../plugins/devices/cuda/emulated.js';
import { type Choice, choose, loadPlugin } from '../support/choice.js';
import { readFixture, withModel } from '../support/compose.js';
import { askDevice } from '../support/devices.js';
import { fixture } from '../support/files.js';
import { type ExpectedLlama, LLAMA, PEFT_ADAPTER } from '../support/llama-fixture.js';
import { expectClose } from '../support/numbers.js';
import { AS_IT_IS, IN_FP32, logitsOf, relativeDistance } from '../support/parity.js';
import { rowOf } from '../support/rows.js';
import { skip } from '../support/skip.js';
import { gradientsOf } from '../support/variables.js';
import { describeCache } from './cache.js';

export interface DeviceFixture {
  readonly options?: { readonly driver?: string; readonly [key: string]: unknown };
  /** It has weights in a memory of its own. */
  readonly isFar?: boolean;
  /** It has a key-value cache of its own. */
  readonly hasCache?: boolean;
}

const ROWS = readFixture<ExpectedLlama>('llama', 'expected.json').rows.map(rowOf);
const REFERENCE = { device: { name: 'portable', backend: 'cpu' } };
/** How long answers are; on the emulated driver, which is very slow, they only begin. */
const [TOKENS, FEW_TOKENS] = [24, 6];
const PROMPTS = ['Name a color.', '写一个词。'].map((instruction) => ({ instruction, input: '' }));

/** @param third the files of third parties' plugins */
export function describeDevice(name: string, given: DeviceFixture, third?: Choice): void {
  const { options = {}, isFar = false, hasCache = false } = given;
  const chosen = choose('devices', name, { ...third, options });

  describe(`the device ${name} ${JSON.stringify(options)}`, () => {
    let plugin: Plugin;
    let device: Device | undefined;
    before(async () => {
      plugin = await loadPlugin('devices', name, { ...third, options });
      ({ device } = await askDevice(plugin, options, name));
    });

    it('opens when it is asked for, and again, and says what computes; or it says why it does not', async () => {
      for (let time = 0; time < 2; time++) {
        const { device: opened, declined } = await askDevice(plugin, options, name);
        if (opened) {
          expect(opened.name).to.equal(name);
          expect(opened.backend).to.equal(tf.getBackend());
          expect(opened.description).to.match(/^\S.*\S$/);
          expect(declined).to.deep.equal([]);
        } else {
          expect(declined).to.have.lengthOf(1);
          expect(declined[0]).to.match(/^\S.*\S$/);
          expect(tf.getBackend()).to.equal('cpu');
        }
      }
    });

    it('leaves the request for another device to others', async () => {
      const nothing = { device: undefined, declined: [], notices: [] };
      expect(await askDevice(plugin, options, 'other')).to.deep.equal(nothing);
      expect(tf.getBackend()).to.equal('cpu');
    });

    describe('with a model', () => {
      before(function () {
        if (device) return;
        skip(this, `the device ${name} cannot be had here`);
      });
      const values = { model: LLAMA, quantizer: IN_FP32, adapter: PEFT_ADAPTER };

      it('computes the logits, the loss and the gradients of plain JavaScript', async () => {
        const numbersOf = (model: LanguageModel) => {
          const batch = model.collate(ROWS);
          const pass = { ...AS_IT_IS, training: true };
          return {
            logits: logitsOf(model, batch),
            ...gradientsOf(model, () => model.crossEntropy(batch, pass)),
          };
        };
        const expected = await withModel({ ...values, ...REFERENCE }, numbersOf);
        const found = await withModel({ ...values, ...chosen }, numbersOf);
        expectClose(found.logits, expected.logits, 1e-4);
        expect(found.loss).to.be.closeTo(expected.loss, 1e-5 * expected.loss);
        for (const [key, gradient] of expected.gradients)
          expect(relativeDistance(found.gradients.get(key)!, gradient), key).to.be.below(1e-3);
      });

      it('answers as plain JavaScript does, with its own key-value cache where it has one', async () => {
        const answersOn = (on: object) =>
          withModel({ ...values, ...on }, async (model, { encoder, assembler }) => {
            const opened = await assembler.openDevice();
            expect(opened.makeCache !== undefined).to.equal(on === chosen && hasCache);
            const answers: string[] = [];
            const settings = {
              ...GENERATE_DEFAULTS,
              maxNewTokens: options.driver === emulatedDriver() ? FEW_TOKENS : TOKENS,
            };
            await generateAll(model, encoder, PROMPTS, settings, ({ text }) => answers.push(text), {
              device: opened,
            });
            return answers;
          });
        expect(await answersOn(chosen)).to.deep.equal(await answersOn(REFERENCE));
      });

      for (const folder of ['llama', 'llama-tied']) {
        it(`leaves the numbers of ${folder} what they are when it takes weights to itself, and what is tied tied`, async () => {
          const base = { model: { path: fixture(folder) } };
          const weightsOf = ({ linears, embeddings }: LanguageModel) =>
            new Map([...embeddings, ...linears].map((site) => [site.name, toFloat32(site.weight)]));
          const expected = await withModel({ ...base, ...REFERENCE }, weightsOf);
          const freed = await withModel({ ...base, ...chosen }, (model) => {
            expect(weightsOf(model)).to.deep.equal(expected);
            const weights = [...model.embeddings, ...model.linears].map((site) => site.weight);
            expect(new Set(weights).size).to.equal(weights.length - Number(folder === 'llama-tied'));
            return weights[0];
          });
          // A far weight is gone with its model; one that lies in the main memory goes with the last who holds it.
          if (isFar) expect(() => toFloat32(freed)).to.throw('freed');
        });
      }
    });

    if (hasCache) {
      describe('in its own memory', () => {
        beforeEach(async function () {
          if (!device) skip(this, `the device ${name} cannot be had here`);
          await tf.setBackend(device.backend);
        });
        describeCache(`of the device ${name}`, () => device!.makeCache!(), true);
      });
    }
  });
}
