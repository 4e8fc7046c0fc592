/**
 * What every quantizer must do, on a LLaMA in fp32:
 *
 *     describeQuantizer('int8', { storage: 'int8', distance: [1e-4, 3e-2] });
 */

import { cpSync } from 'node:fs';
import { expect } from 'chai';
import { type LanguageModel, toFloat32 } from '../../core/index.js';
import { changeTensors } from '../support/checkpoints.js';
import { type Choice, choose } from '../support/choice.js';
import { readFixture, withModel } from '../support/compose.js';
import { expectError } from '../support/errors.js';
import { TemporaryFolder } from '../support/files.js';
import { type ExpectedLlama, LLAMA, PEFT_ADAPTER } from '../support/llama-fixture.js';
import { AS_IT_IS, logitsOf, relativeDistance } from '../support/parity.js';
import { rowOf } from '../support/rows.js';
import { gradientsOf } from '../support/variables.js';

export interface QuantizerFixture {
  readonly options?: object;
  /** How the weights of linear layers are stored. */
  readonly storage: string;
  /** How far from the exact logits those of the model may be, and are at least, relative to their norm. */
  readonly distance: readonly [least: number, most: number];
}

const ROWS = readFixture<ExpectedLlama>('llama', 'expected.json').rows.map(rowOf);

/** @param third the files of third parties' plugins */
export function describeQuantizer(name: string, fixture: QuantizerFixture, third?: Choice): void {
  const { options = {}, storage, distance } = fixture;
  const chosen = choose('quantizers', name, { ...third, options });
  const quantized = <T>(use: (model: LanguageModel) => T | Promise<T>, values: object = {}) =>
    withModel({ model: LLAMA, ...chosen, ...values }, use);
  const exact = <T>(use: (model: LanguageModel) => T) => withModel({ model: LLAMA }, use);

  describe(`the quantizer ${name} ${JSON.stringify(options)}`, () => {
    it('stores every linear layer but the output in its way, in no more bytes', async () => {
      const bytes = new Map(await exact((model) => model.linears.map((s) => [s.name, s.weight.byteLength])));
      await quantized((model) => {
        for (const { name: site, weight, isOutput } of model.linears) {
          expect(weight.storage, site).to.equal(isOutput ? 'f32' : storage);
          expect(weight.byteLength, site).to.be.at.most(bytes.get(site) ?? 0);
        }
      });
    });

    it('leaves embeddings, the output and vectors as they are, and the shapes of all', async () => {
      const leftOf = (model: LanguageModel) => ({
        weights: [...model.embeddings, ...model.linears.filter((site) => site.isOutput)].map(({ weight }) =>
          toFloat32(weight),
        ),
        vectors: Array.from(model.vectors.values(), (vector) => [...vector.dataSync()]),
        shapes: model.linears.map(({ weight }) => [...weight.shape]),
      });
      expect(await quantized(leftOf)).to.deep.equal(await exact(leftOf));
    });

    it('decodes any rows to the front of the target, the same as in whole', () =>
      quantized((model) => {
        for (const { name: site, weight } of model.linears) {
          const [rows, columns] = weight.shape;
          const whole = toFloat32(weight);
          for (const [start, end] of [
            [0, 1],
            [3, 7],
            [rows - 2, rows],
          ]) {
            const size = (end - start) * columns;
            const target = new Float32Array(size + 2).fill(9);
            weight.decode(start, end, target);
            expect(target.subarray(0, size), site).to.deep.equal(
              whole.subarray(start * columns, end * columns),
            );
            expect([...target.subarray(size)], 'behind what was asked for').to.deep.equal([9, 9]);
          }
        }
      }));

    it('leaves the logits near, the same each time', async () => {
      const logits = (model: LanguageModel) => logitsOf(model, model.collate(ROWS));
      const found = await quantized(logits);
      expect(relativeDistance(found, await exact(logits))).to.be.within(...distance);
      expect(await quantized(logits)).to.deep.equal(found);
    });

    it('lets gradients through to every parameter of an adapter', () =>
      quantized(
        (model) => {
          const batch = model.collate(ROWS);
          const pass = { ...AS_IT_IS, training: true };
          const { gradients } = gradientsOf(model, () => model.crossEntropy(batch, pass));
          for (const [parameter, gradient] of gradients)
            expect(Math.hypot(...gradient), parameter).to.be.above(1e-3);
        },
        { adapter: PEFT_ADAPTER },
      ));

    for (const bad of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]) {
      it(`stores ${bad} as it is, or refuses it with the tensor and the row`, async () => {
        const tensor = 'model.layers.1.mlp.up_proj';
        const folder = new TemporaryFolder();
        try {
          cpSync(LLAMA.path, folder.path, { recursive: true });
          await changeTensors(folder.path, (tensors) => {
            (tensors.get(`${tensor}.weight`)?.values as Float32Array)[3 * 32 + 7] = bad;
          });
          const model = { path: folder.path };
          const stored = quantized(
            ({ linears }) => toFloat32(linears.find((site) => site.name === tensor)!.weight),
            { model },
          );
          const numbers = await stored.catch(() => undefined);
          if (numbers) {
            const row = numbers.subarray(3 * 32, 4 * 32);
            expect(row[7]).to.deep.equal(bad);
            expect(
              row.filter((value) => !Number.isFinite(value)),
              'in the row',
            ).to.have.lengthOf(1);
          } else
            await expectError(() => stored, 'CHECKPOINT_INVALID', folder.path, tensor, `row 3 holds ${bad}`);
        } finally {
          folder.remove();
        }
      });
    }
  });
}
