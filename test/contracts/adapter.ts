/**
 * What every adapter must do, on a LLaMA:
 *
 *     describeAdapter('lora', { again: (folder) => ({ adapter: { method: 'lora', init: folder } }) });
 */

import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { DenseWeight, encodeFloats, type LanguageModel, toFloat32 } from '../../core/index.js';
import { type Choice, choose } from '../support/choice.js';
import { type AssembledRun, readFixture, saveAdapter, withModel } from '../support/compose.js';
import { expectError } from '../support/errors.js';
import { TemporaryFolder } from '../support/files.js';
import { type ExpectedLlama, LLAMA } from '../support/llama-fixture.js';
import { expectClose } from '../support/numbers.js';
import { AS_IT_IS, logitsOf, relativeDistance } from '../support/parity.js';
import { rowOf } from '../support/rows.js';
import { gradientsOf, moveParameters, parametersOf } from '../support/variables.js';

export interface AdapterFixture {
  readonly options?: object;
  /** The configuration that goes on from what was saved in a folder. */
  readonly again: (folder: string) => Record<string, unknown>;
  /** It trains the weights themselves: there is no model without it. */
  readonly isWhole?: boolean;
}

const ROWS = readFixture<ExpectedLlama>('llama', 'expected.json').rows.map(rowOf);
const batchOf = (model: LanguageModel) => model.collate(ROWS);
const logits = (model: LanguageModel) => logitsOf(model, batchOf(model));

/** @param third the files of third parties' plugins */
export function describeAdapter(name: string, fixture: AdapterFixture, third?: Choice): void {
  const { options = {}, again, isWhole = false } = fixture;
  const values = { model: LLAMA, ...choose('adapters', name, { ...third, options }) };
  type Use<T> = (model: LanguageModel, run: AssembledRun) => T | Promise<T>;
  const begun = <T>(use: Use<T>) => withModel(values, use);
  /** As if it had been trained: every parameter is another. */
  const trained = <T>(use: Use<T>) =>
    withModel(values, (model, run) => {
      moveParameters(model);
      return use(model, run);
    });

  describe(`the adapter ${name}, ${JSON.stringify(options)}`, () => {
    let folder: TemporaryFolder;
    beforeEach(() => {
      folder = new TemporaryFolder();
    });
    afterEach(() => folder.remove());

    it('changes nothing before it is trained, and begins the same each time', async () => {
      const base = await withModel({ model: LLAMA }, logits);
      expectClose(await begun(logits), base, 1e-5);
      expect(relativeDistance(await trained(logits), base)).to.be.above(1e-3);
      const parameters = await begun(parametersOf);
      expect(parameters.size).to.be.above(0);
      expect(await begun(parametersOf)).to.deep.equal(parameters);
    });

    it('gets a gradient in every parameter, the same with gradient checkpointing', () =>
      trained((model) => {
        const [plain, checkpointed] = [false, true].map((checkpointing) => {
          const pass = { ...AS_IT_IS, training: true, checkpointing };
          return gradientsOf(model, () => model.crossEntropy(batchOf(model), pass)).gradients;
        });
        for (const [parameter, gradient] of plain) {
          expect(Math.hypot(...gradient), parameter).to.be.above(1e-4);
          expect(relativeDistance(checkpointed.get(parameter)!, gradient), parameter).to.be.below(1e-5);
        }
      }));

    it('is not there in a pass without adapters, or says that there is no such model', async () => {
      const pass = { ...AS_IT_IS, withoutAdapters: true };
      const without = (model: LanguageModel) =>
        tf.tidy(() => model.logits(batchOf(model), pass).dataSync().slice());
      await trained(async (model) => {
        expect(model.saves).to.equal(isWhole ? 'model' : 'adapter');
        if (isWhole) expect(() => without(model)).to.throw(Error, 'there is no model without it');
        else expect(without(model)).to.deep.equal(await withModel({ model: LLAMA }, logits));
      });
    });

    it('is saved, and read again to the bit', async () => {
      const saved = await trained(async (model, run) => {
        await saveAdapter(run, model, folder.path);
        return { parameters: parametersOf(model), logits: logits(model) };
      });
      await withModel({ ...values, ...again(folder.path) }, (model) => {
        expect(parametersOf(model)).to.deep.equal(saved.parameters);
        expect(logits(model)).to.deep.equal(saved.logits);
      });
    });

    it('is not saved with a value that is no number, and says which', () =>
      trained(async (model, run) => {
        const [parameter, variable] = [...model.trainable].at(-1)!;
        tf.tidy(() => variable.assign(tf.fill(variable.shape, Number.NaN)));
        await expectError(() => saveAdapter(run, model, folder.path), 'PLUGIN_FAILED', name, parameter);
      }));

    // What trains the weights themselves is merged as it is.
    if (!isWhole)
      it('is the same merged into the weights of the layers that it adapts', () =>
        trained((model) => {
          const expected = logits(model);
          const adapted = model.linears.filter(({ adapter }) => adapter?.mergeInto);
          expect(adapted).to.not.be.empty;
          for (const site of adapted) {
            const { adapter, weight } = site;
            const rows = toFloat32(weight);
            const half = Math.floor(weight.shape[0] / 2);
            adapter?.mergeInto?.(rows.subarray(0, half * weight.shape[1]), 0, half);
            adapter?.mergeInto?.(rows.subarray(half * weight.shape[1]), half, weight.shape[0]);
            site.weight = new DenseWeight(weight.shape, 'f32', encodeFloats('f32', rows));
            site.adapter = undefined;
          }
          expectClose(logits(model), expected, 1e-4);
        }));
  });
}
