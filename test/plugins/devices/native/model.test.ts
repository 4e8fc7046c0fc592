import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { Batch, LanguageModel } from '../../../../core/index.js';
import { variableGradients } from '../../../../core/ops/gradients.js';
import { readFixture, withModel } from '../../../support/compose.js';
import { TemporaryFolder } from '../../../support/files.js';
import { type ExpectedLlama, LLAMA, PEFT_ADAPTER } from '../../../support/llama-fixture.js';
import { addon, describeNative, type Numbers } from '../../../support/native.js';
import { relativeError } from '../../../support/numbers.js';
import { rowOf } from '../../../support/rows.js';
import { EIGHT_ROWS, readSteps } from '../../../support/runs.js';
import { evolveShared } from '../../../support/shared-cli.js';

const ROWS = readFixture<ExpectedLlama>('llama', 'expected.json').rows.map(rowOf);

/** What a model yields for a batch: logits, the loss, and its gradients by what is trained. */
function resultsOf(model: LanguageModel, batch: Batch, checkpointing: boolean): Numbers {
  // With dropout, whose mask must be the same on every device.
  const pass = { training: true, seed: 5, checkpointing };
  return tf.tidy(() => {
    const { loss, gradients } = variableGradients(() => model.crossEntropy(batch, pass), model.trainable);
    const logits = model.logits(batch, { ...pass, training: false });
    const all = [['loss', loss], ['logits', logits], ...gradients] as [string, tf.Tensor][];
    return Object.fromEntries(all.map(([name, tensor]) => [name, tensor.dataSync().slice()])) as Numbers;
  });
}

const ON_CPU = { name: 'portable', backend: 'cpu' };
const ON_NATIVE = { name: 'native', threads: 2 };

/** On native with quantizer and device, against the plain reference: the worst relative error of each result. */
async function compare(
  values: Record<string, unknown>,
  checkpointing = false,
): Promise<Record<string, number>> {
  const on = (device: object, further = {}) =>
    withModel({ model: LLAMA, adapter: PEFT_ADAPTER, ...values, ...further, device }, (model) =>
      resultsOf(model, model.collate(ROWS), checkpointing),
    );
  const expected = await on(ON_CPU);
  const actual = await on(ON_NATIVE);
  expect(Object.keys(actual)).to.deep.equal(Object.keys(expected));
  return Object.fromEntries(
    Object.entries(expected).map(([name, numbers]) => [name, relativeError(actual[name], numbers)]),
  );
}

describeNative('a whole model on the native device', () => {
  // Of every product's terms bf16 keeps 8 bits, int8 as many steps as a row's largest number has room for. Where the CPU has
  // instructions for bf16, unquantized weights lose bits too: the last bound is theirs.
  const cases: [quantizer: { name: string; compute: string }, bound: number, withInstructions?: number][] = [
    [{ name: 'none', compute: 'fp32' }, 2e-5],
    [{ name: 'int8', compute: 'fp32' }, 2e-5],
    [{ name: 'nf4', compute: 'fp32' }, 2e-5],
    [{ name: 'none', compute: 'bf16' }, 3e-2, 5e-2],
    [{ name: 'int8', compute: 'bf16' }, 3e-2],
    [{ name: 'nf4', compute: 'bf16' }, 3e-2],
    [{ name: 'int8', compute: 'int8' }, 8e-2],
  ];
  const hasInstructions = () => /bf16|amx/.test(process.env.EVOLVE_ISA || (addon.isas().at(-1) ?? ''));
  for (const [quantizer, bound, withInstructions = bound] of cases) {
    for (const checkpointing of [false, true]) {
      const how = checkpointing ? ', checkpointed' : '';
      it(`${quantizer.name} in ${quantizer.compute}${how}: logits, loss and gradients`, async () => {
        const errors = await compare({ quantizer }, checkpointing);
        const most = hasInstructions() ? withInstructions : bound;
        for (const [name, error] of Object.entries(errors)) expect(error, name).to.be.at.most(most);
      });
    }
  }

  it('all its parameters trained: logits, loss and gradients', async () => {
    const errors = await compare({ adapter: { method: 'full' } });
    expect(Object.keys(errors).length).to.be.above(15);
    for (const [name, error] of Object.entries(errors)) expect(error, name).to.be.at.most(2e-5);
  });

  it('is the same checkpointed and not, and each time, to the bit', () =>
    withModel({ model: LLAMA, adapter: PEFT_ADAPTER, device: ON_NATIVE, quantizer: 'int8' }, (model) => {
      const batch = model.collate(ROWS);
      const first = resultsOf(model, batch, false);
      expect(resultsOf(model, batch, true)).to.deep.equal(first);
      expect(resultsOf(model, batch, false)).to.deep.equal(first);
    }));
});

describeNative('a run on the native device', () => {
  const LORA = 'adapter: { r: 4, dropout: 0.1 }';
  const FULL = 'adapter: { method: full }';

  for (const [what, lines, tolerance] of [
    ['LoRA', [LORA], 1e-4],
    [
      'LoRA, packed and checkpointed',
      [LORA, 'data: { packing: true }', 'train: { gradientCheckpointing: true }'],
      1e-4,
    ],
    ['all parameters', [FULL], 1e-3],
  ] as [string, string[], number][]) {
    it(`takes the steps that it takes on portable: ${what}`, async () => {
      const folder = new TemporaryFolder();
      try {
        folder.write('rows.json', EIGHT_ROWS);
        const base = {
          model: LLAMA,
          quantizer: { name: 'none', compute: 'fp32' },
          data: { sources: [{ path: 'rows.json', format: 'alpaca' }], cutoffLength: 256, validationSize: 2 },
          train: {
            maxSteps: 4,
            warmupSteps: 0,
            learningRate: 0.003,
            perDeviceBatchSize: 2,
            gradientAccumulationSteps: 2,
          },
        };
        folder.write('base.yaml', JSON.stringify(base));
        folder.write('my.yaml', ['$import: base.yaml', ...lines, ''].join('\n'));
        const [native, portable] = await Promise.all(
          ['native', 'portable'].map(async (device) => {
            const { status, stdout, stderr } = await evolveShared(
              ['run', 'my.yaml', '--device', device, '--output', device],
              { cwd: folder.path },
            );
            expect(status, stderr).to.equal(0);
            expect(stdout).to.match(new RegExp(`^device ${device}: `, 'm'));
            return readSteps(folder.join(device));
          }),
        );
        expect(native).to.have.lengthOf(4);
        for (const [i, { loss, gradNorm, tokens }] of native.entries()) {
          expect(tokens).to.equal(portable[i].tokens);
          expect(loss).to.be.closeTo(portable[i].loss, tolerance * portable[i].loss);
          expect(gradNorm).to.be.closeTo(portable[i].gradNorm, 10 * tolerance * portable[i].gradNorm);
        }
        expect(native[3].loss, 'it learns').to.be.below(native[0].loss);
      } finally {
        folder.remove();
      }
    });
  }
});
