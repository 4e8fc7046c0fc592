import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  DenseWeight,
  encodeFloats,
  type LanguageModel,
  LinearSite,
  type Pass,
  type StepEvent,
} from '../../../core/index.js';
import { parameterSizes } from '../../../core/model/count.js';
import { variableGradients } from '../../../core/ops/gradients.js';
import { TrainableLinear, variableOf } from '../../../plugins/adapters/full/layers.js';
import { loadAddon } from '../../../plugins/devices/native/addon.js';
import { evolve } from '../../support/cli.js';
import {
  type ComposedRun,
  compose,
  encoderOf,
  floatsOf,
  readFixture,
  saveAdapter,
  withModel,
} from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import type { ExpectedLlama } from '../../support/llama-fixture.js';
import { expectClose } from '../../support/numbers.js';
import { askPython } from '../../support/python.js';
import { labelled, rowOf } from '../../support/rows.js';
import { skip } from '../../support/skip.js';

/** What test/fixtures/make_full.py writes; arrays are base64 of float32. */
interface ExpectedModel {
  readonly loss: number;
  readonly gradients: Readonly<Record<string, string>>;
  readonly training: {
    readonly steps: readonly { loss: number; gradNorm: number; learningRate: number }[];
    readonly parameters: Readonly<Record<string, string>>;
  };
}
type ExpectedFull = { readonly options: object } & Readonly<Record<'llama' | 'llama-tied', ExpectedModel>>;

const expected = readFixture<ExpectedFull>('full.json');
const { rows, prompt, parameters } = readFixture<ExpectedLlama>('llama', 'expected.json');
const MODELS = ['llama', 'llama-tied'] as const;
const DEVICES = ['reason' in loadAddon() ? [] : ['native'], 'portable'].flat();
const TRAINING: Pass = { training: true, seed: 0, checkpointing: false };
const FULL = { method: 'full' };

function batchOf(model: LanguageModel) {
  return model.collate(rows.map(rowOf));
}

function promptLogits(model: LanguageModel): Float32Array {
  const ids = Int32Array.from(prompt);
  const batch = model.collate([labelled(ids)]);
  return tf.tidy(() => model.logits(batch, { ...TRAINING, training: false }).dataSync()) as Float32Array;
}

/** The names and shapes in the safetensors files of a folder, by their headers alone. */
function headersOf(folder: string): Record<string, { shape: number[]; dtype: string }> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
  const headers = files.map((name) => {
    const bytes = readFileSync(path.join(folder, name));
    const { __metadata__, ...tensors } = JSON.parse(
      bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE(0))),
    );
    return tensors;
  });
  return Object.assign({}, ...headers);
}

/** A run of some steps on all parameters; it goes to `output`. */
function trainingRun(model: string, output: string, train: object, adapter: object = {}) {
  return compose({
    model: { path: model },
    adapter: { ...FULL, ...adapter },
    device: { name: 'portable' },
    data: {
      sources: [{ path: fixture('llama', 'train.json'), format: 'alpaca' }],
      cutoffLength: 512,
      shuffle: false,
      validationSize: 0,
    },
    train,
    output,
  });
}

describe('the adapter full', () => {
  for (const name of MODELS) {
    it(`trains every tensor of ${name} under its name there, one that is tied once`, () =>
      withModel({ model: { path: fixture(name) }, adapter: FULL }, (model) => {
        const shapes = Object.fromEntries([...model.trainable].map(([key, { shape }]) => [key, shape]));
        const wanted = Object.entries(headersOf(fixture(name))).map(([key, { shape }]) => [key, shape]);
        expect(shapes).to.deep.equal(Object.fromEntries(wanted));
        expect([...parameterSizes(model).keys()].sort()).to.deep.equal(Object.keys(shapes).sort());
      }));

    it(`leaves no model without adapters, of ${name}`, () =>
      withModel({ model: { path: fixture(name) }, adapter: FULL }, (model) => {
        const batch = batchOf(model);
        const pass = { ...TRAINING, withoutAdapters: true };
        for (const ask of ['logits', 'crossEntropy', 'logProbabilities'] as const) {
          expect(() => model[ask](batch, pass), ask).to.throw(Error, 'there is no model without it');
        }
      }));

    for (const device of DEVICES) {
      it(`gives ${name} the loss and gradients of PyTorch on ${device}, with checkpointing too`, () =>
        withModel({ model: { path: fixture(name) }, adapter: FULL, device: { name: device } }, (model) => {
          for (const checkpointing of [false, true]) {
            const pass = { ...TRAINING, checkpointing };
            const { loss, gradients } = variableGradients(
              () => model.crossEntropy(batchOf(model), pass),
              model.trainable,
            );
            expect(loss.dataSync()[0]).to.be.closeTo(expected[name].loss, 1e-5 * expected[name].loss);
            for (const [key, values] of Object.entries(expected[name].gradients)) {
              expectClose(gradients.get(key)?.dataSync() ?? [], floatsOf(values), 1e-5, key);
            }
            tf.dispose([loss, ...gradients.values()]);
          }
        }));
    }
  }

  it('leaves the model as it was before it is trained', async () => {
    const model = { path: fixture('llama-tied') };
    const before = await withModel({ model }, promptLogits);
    expectClose(await withModel({ model, adapter: FULL }, promptLogits), before, 1e-5);
  });

  it('trains the biases of linear layers', () => {
    const variables = new Map(
      Object.entries({
        bias: tf.tidy(() => tf.variable(tf.tensor1d([1, -1]))),
        weight: variableOf(
          new DenseWeight([2, 3], 'f32', encodeFloats('f32', Float32Array.of(1, 2, 3, 4, 5, 6))),
        ),
      }),
    );
    const { bias, weight } = Object.fromEntries(variables) as Record<string, tf.Variable>;
    const frozen = new DenseWeight([2, 3], 'f32', new Uint8Array(24));
    const site = new LinearSite('output', frozen, bias as unknown as tf.Tensor1D, true);
    site.adapter = new TrainableLinear(weight as tf.Variable<tf.Rank.R2>);
    tf.tidy(() => {
      const x = tf.tensor2d([[1, 0, -1]]);
      expect(site.forward(x, TRAINING).arraySync()).to.deep.equal([[-1, -3]]);
      // The loss of logits −1 and −3: the softmax is 1 / (1 + e⁻²) and the rest.
      const { loss, gradients } = variableGradients(
        () => site.crossEntropy(x, Int32Array.of(0), TRAINING),
        variables,
      );
      const rest = 1 / (1 + Math.exp(2));
      expectClose(loss.dataSync(), [-Math.log(1 - rest)], 1e-6);
      expectClose(gradients.get('bias')?.dataSync() ?? [], [-rest, rest], 1e-6);
      expectClose(gradients.get('weight')?.dataSync() ?? [], [-rest, 0, rest, rest, 0, -rest], 1e-6);
      tf.dispose([...gradients.values()]);
    });
    tf.dispose([...variables.values()]);
  });

  it('refuses quantized weights, before there is a model', async () => {
    for (const quantizer of ['int8', 'nf4']) {
      const values = { model: { path: '/nowhere' }, quantizer: { name: quantizer }, adapter: FULL };
      await expectError(() => compose(values), 'CONFIG_INVALID', `quantizer is ${quantizer}`, 'lora');
    }
    const values = { quantizer: { name: 'none', compute: 'bf16' }, adapter: FULL };
    await expectError(() => compose(values), 'CONFIG_INVALID', 'quantizer.compute is bf16');
  });
});

describe('ten optimizer steps on all parameters', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  for (const name of MODELS) {
    it(`of ${name} are those of PyTorch, and the model at the end`, async () => {
      const { steps, parameters: trained } = expected[name].training;
      const output = folder.join('run');
      const run: ComposedRun = await trainingRun(fixture(name), output, expected.options, { dtype: 'f32' });
      await run.trainer.run();
      const done = run.events.filter((event): event is StepEvent => event.type === 'step');
      expect(done).to.have.lengthOf(steps.length);
      for (const [i, { loss, gradNorm, learningRate }] of steps.entries()) {
        expect(done[i].learningRate, `rate of step ${i + 1}`).to.be.closeTo(learningRate, 1e-12);
        expect(done[i].loss, `loss of step ${i + 1}`).to.be.closeTo(loss, 1e-5 * loss);
        expect(done[i].gradNorm, `norm of step ${i + 1}`).to.be.closeTo(gradNorm, 1e-4 * gradNorm);
      }
      await withModel({ model: { path: path.join(output, 'model') }, adapter: FULL }, (model) => {
        for (const [key, values] of Object.entries(trained)) {
          expectClose(model.trainable.get(key)?.dataSync() ?? [], floatsOf(values), 1e-5, key);
        }
      });
    });
  }

  it('count every parameter once', async () => {
    const run = await trainingRun(fixture('llama'), folder.join('run'), { maxSteps: 1, warmupSteps: 0 });
    const result = await run.trainer.run();
    expect(result.parameters).to.deep.equal({ total: parameters, trainable: parameters });
  });
});

describe('a model that a run wrote', () => {
  let folder: TemporaryFolder;
  before(() => {
    folder = new TemporaryFolder();
  });
  after(() => folder.remove());

  const train = { maxSteps: 2, warmupSteps: 0, learningRate: 0.01, gradientAccumulationSteps: 1 };
  const trained = async (name: string, adapter: object = {}): Promise<string> => {
    const output = folder.join(`${name}-${Object.values(adapter).join()}`);
    const run = await trainingRun(fixture(name), output, train, adapter);
    await run.trainer.run();
    expect(run.events.filter((event) => event.type === 'save').map((event) => event.path)).to.deep.equal([
      path.join(output, 'model'),
    ]);
    return output;
  };

  it('has the files, names and types of the one that it began with', async () => {
    for (const name of MODELS) {
      const model = path.join(await trained(name), 'model');
      expect(headersOf(model)).to.have.all.keys(Object.keys(headersOf(fixture(name))));
      for (const [key, { dtype, shape }] of Object.entries(headersOf(model))) {
        expect({ dtype, shape }, key).to.deep.include({
          dtype: headersOf(fixture(name))[key].dtype,
          shape: headersOf(fixture(name))[key].shape,
        });
      }
      for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
        const read = (at: string) => JSON.parse(readFileSync(path.join(at, file), 'utf8'));
        expect(read(model), file).to.deep.equal(read(fixture(name)));
      }
    }
  });

  it('is loaded by transformers and computes there what it computes here, in either type', async function () {
    // Python is started three times.
    this.timeout(300_000);
    for (const [dtype, long] of Object.entries({ f32: 'float32', bf16: 'bfloat16', f16: 'float16' })) {
      const model = path.join(await trained('llama-tied', { dtype }), 'model');
      const script = 'plugins/adapters/load_with_transformers.py';
      const found = askPython<{ logits: number[][]; dtype: string; tokens: number[] }>(
        script,
        [model],
        prompt,
      );
      if ('missing' in found) {
        skip(this, `${found.missing} (EVOLVE_PYTHON names a Python that has transformers)`);
      }
      const quantizer = { name: 'none', compute: 'fp32' };
      const ours = await withModel({ model: { path: model }, quantizer }, promptLogits);
      expectClose(ours, found.answer.logits.flat(), 1e-4, 'logits');
      expect(found.answer.dtype).to.equal(long);
      const { tokenizer } = await encoderOf({ model: { path: model } });
      expect(found.answer.tokens.slice(1)).to.deep.equal(tokenizer.encode('Hello'));
    }
  });

  it('is not written where a number is too large for its type', () =>
    withModel(
      { model: { path: fixture('llama') }, adapter: { ...FULL, dtype: 'f16' } },
      async (model, run) => {
        const folder = new TemporaryFolder();
        try {
          const [[name, variable]] = model.trainable;
          const large = tf.fill(variable.shape, 70_000);
          variable.assign(large);
          large.dispose();
          await expectError(
            () => saveAdapter(run, model, folder.path),
            'NOT_FINITE',
            name,
            '70000',
            'adapter.dtype',
          );
        } finally {
          folder.remove();
        }
      },
    ));

  it('answers, by its folder and by the run', async () => {
    const run = await trained('llama');
    const ask = ['--instruction', 'Name a color.', '--max-new-tokens', '4', '--device', 'portable'];
    const [byRun, byModel, base] = await Promise.all(
      [
        ['--run', run],
        ['--model', path.join(run, 'model')],
        ['--model', fixture('llama')],
      ].map((which) => evolve(['generate', ...which, ...ask, '--json'])),
    );
    for (const { status, stderr } of [byRun, byModel, base]) expect(status, stderr).to.equal(0);
    expect(byRun.stdout).to.equal(byModel.stdout).and.not.to.equal(base.stdout);
  });

  it('may be written where the model that it began with was', async () => {
    const first = folder.join('again');
    cpSync(await trained('llama'), first, { recursive: true });
    const run = await trainingRun(path.join(first, 'model'), first, train);
    await run.trainer.run();
    expect(readdirSync(path.join(first, 'model'))).to.include.members(['tokenizer.json', 'config.json']);
  });
});

describe('model.init: random', () => {
  const valuesOf = (seed: number, source = fixture('llama')) =>
    withModel(
      { model: { path: source, init: 'random' }, adapter: FULL, train: { seed } },
      (model) => new Map([...model.trainable].map(([name, v]) => [name, [...v.dataSync()]])),
    );

  it('draws matrices with the deviation that config.json names; scales are one', async () => {
    const numbers: number[] = [];
    for (const [name, values] of await valuesOf(1)) {
      if (name.includes('norm')) expect(new Set(values), name).to.deep.equal(new Set([1]));
      else numbers.push(...values);
    }
    const count = numbers.length;
    const mean = numbers.reduce((a, b) => a + b) / count;
    const variance = numbers.reduce((a, b) => a + b * b, 0) / count;
    expect(mean).to.be.closeTo(0, (4 * 0.3) / Math.sqrt(count));
    expect(Math.sqrt(variance)).to.be.closeTo(0.3, 0.004);
    // Of a normal distribution 68.27 % lie within one deviation.
    const within = numbers.filter((number) => Math.abs(number) < 0.3).length / count;
    expect(within).to.be.closeTo(0.6827, 0.01);
  });

  it('refuses a deviation that is none', async () => {
    const folder = new TemporaryFolder();
    try {
      cpSync(fixture('llama'), folder.path, { recursive: true });
      const config = readFixture<object>('llama', 'config.json');
      for (const value of [null, 'small', -1]) {
        folder.write('config.json', JSON.stringify({ ...config, initializer_range: value }));
        const told = `initializer_range should be a positive number, but is ${JSON.stringify(value)}`;
        await expectError(() => valuesOf(1, folder.path), 'MODEL_INVALID', 'config.json', told);
      }
    } finally {
      folder.remove();
    }
  });

  it('needs no weights, and draws the same for the same seed, each matrix differently', async () => {
    const folder = new TemporaryFolder();
    try {
      mkdirSync(folder.path, { recursive: true });
      for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
        cpSync(fixture('llama', file), folder.join(file));
      const [first, again, other] = [
        await valuesOf(1, folder.path),
        await valuesOf(1),
        await valuesOf(2, folder.path),
      ];
      expect(again).to.deep.equal(first);
      expect(other).to.not.deep.equal(first);
      const matrices = [...first].filter(([name]) => !name.includes('norm'));
      expect(new Set(matrices.map(([, values]) => values.slice(0, 9).join())).size).to.equal(matrices.length);
    } finally {
      folder.remove();
    }
  });
});
