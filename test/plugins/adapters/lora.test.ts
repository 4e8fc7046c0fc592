import { cpSync, readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { LanguageModel, StepEvent } from '../../../core/index.js';
import {
  type ComposedRun,
  compose,
  floatsOf,
  readFixture,
  saveAdapter,
  withModel,
} from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { type ExpectedLlama, LLAMA, PEFT_ADAPTER } from '../../support/llama-fixture.js';
import { expectClose } from '../../support/numbers.js';
import { labelled } from '../../support/rows.js';

const expected = readFixture<ExpectedLlama>('llama', 'expected.json');
const LORA = { method: 'lora' };

/** The names and shapes in a safetensors file, by its header alone. */
function headerOf(file: string): Record<string, { shape: number[]; dtype: string }> {
  const bytes = readFileSync(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const { __metadata__, ...tensors } = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  return tensors;
}

function valuesOf(model: LanguageModel): Map<string, Float32Array> {
  return new Map([...model.trainable].map(([name, variable]) => [name, variable.dataSync() as Float32Array]));
}

const adapt = (
  adapter: Record<string, unknown>,
  use = (model: LanguageModel) => valuesOf(model),
  seed = 42,
) => withModel({ model: LLAMA, adapter: { ...LORA, ...adapter }, train: { seed } }, use);

describe('the adapter lora, as PEFT makes it', () => {
  it('names and shapes its parameters as PEFT does', () =>
    adapt({ r: 4 }, (model) => {
      const shapes = [...model.trainable].map(([name, { shape }]) => [name, shape]);
      const saved = headerOf(fixture('peft-adapter', 'adapter_model.safetensors'));
      const wanted = Object.entries(saved).map(([name, { shape }]) => [name, shape]);
      expect(Object.fromEntries(shapes)).to.deep.equal(Object.fromEntries(wanted));
      return new Map();
    }));

  it('starts with A uniform within 1/sqrt(in) and B zero', async () => {
    const values = await adapt({ r: 16, targetModules: 'all-linear' });
    const bound = (name: string) => 1 / Math.sqrt(name.includes('down_proj') ? 48 : 32);
    const shares: number[] = [];
    for (const [name, numbers] of values) {
      if (name.endsWith('lora_B.weight')) expect(numbers.every((number) => number === 0)).to.equal(true);
      else for (const number of numbers) shares.push(number / bound(name));
    }
    expect(shares.length).to.be.above(5000);
    // Of a uniform distribution on −1 … 1: its ends, its mean and its variance.
    expect(Math.max(...shares.map(Math.abs))).to.be.within(0.99, 1);
    const mean = shares.reduce((a, b) => a + b, 0) / shares.length;
    expect(mean).to.be.closeTo(0, 0.03);
    expect(shares.reduce((a, b) => a + b * b, 0) / shares.length).to.be.closeTo(1 / 3, 0.02);
  });

  it('starts the same for the same seed, each layer differently, other seeds otherwise', async () => {
    const [first, again, other] = [await adapt({}), await adapt({}), await adapt({}, undefined, 43)];
    expect(again).to.deep.equal(first);
    expect(other).to.not.deep.equal(first);
    const branches = [...first].filter(([name]) => name.endsWith('lora_A.weight'));
    const texts = new Set(branches.map(([, numbers]) => numbers.join()));
    expect(texts.size).to.equal(branches.length).and.to.equal(4);
  });

  it('drops inputs of the branch in training alone, the same for the same seed', () =>
    withModel({ model: LLAMA, adapter: { ...PEFT_ADAPTER, dropout: 0.5 } }, (model) => {
      const ids = Int32Array.from(expected.prompt);
      const batch = model.collate([labelled(ids)]);
      const lossAt = (training: boolean, seed: number) =>
        tf.tidy(() => model.crossEntropy(batch, { training, seed, checkpointing: false }).dataSync()[0]);
      expect(lossAt(false, 1)).to.equal(lossAt(false, 2));
      expect(lossAt(true, 1)).to.equal(lossAt(true, 1));
      expect(lossAt(true, 1)).to.not.equal(lossAt(true, 2));
      expect(lossAt(true, 1)).to.not.equal(lossAt(false, 1));
    }));
});

describe('useRslora', () => {
  const logitsWith = (adapter: Record<string, unknown>) =>
    withModel({ model: LLAMA, adapter: { ...PEFT_ADAPTER, ...adapter } }, (model) => {
      const ids = Int32Array.from(expected.prompt);
      const batch = model.collate([labelled(ids)]);
      return tf.tidy(() => model.nextLogits(batch).dataSync().slice());
    });

  it('scales by alpha / √r, is saved, and follows from the adapter to start from', async () => {
    const folder = new TemporaryFolder();
    try {
      const config = readFixture<object>('peft-adapter', 'adapter_config.json');
      cpSync(fixture('peft-adapter'), folder.path, { recursive: true });
      folder.write('adapter_config.json', JSON.stringify({ ...config, use_rslora: true }));
      // Of rank 4: alpha / 2 instead of alpha / 4.
      const scaled = await logitsWith({ init: folder.path, alpha: 8 });
      expect(scaled).to.deep.equal(await logitsWith({ alpha: 16 }));
      expect(scaled).to.not.deep.equal(await logitsWith({ alpha: 8 }));
      await withModel({ model: LLAMA, adapter: { ...LORA, init: folder.path } }, async (model, run) => {
        folder.write('saved/place', '');
        await saveAdapter(run, model, folder.join('saved'));
      });
      const saved = JSON.parse(readFileSync(folder.join('saved', 'adapter_config.json'), 'utf8'));
      expect(saved).to.include({ use_rslora: true, lora_alpha: 8 });
      await expectError(
        () => compose({ adapter: { ...LORA, init: folder.path, useRslora: false } }),
        'PLUGIN_INVALID',
        'adapter.useRslora',
        'has true',
      );
    } finally {
      folder.remove();
    }
  });
});

describe('targetModules', () => {
  const sitesFor = (targetModules: unknown) =>
    withModel({ model: LLAMA, adapter: { ...LORA, targetModules } }, (model) =>
      model.linears.filter((site) => site.adapter).map((site) => site.name),
    );

  it('are whole names or ends of names after a dot', async () => {
    expect(await sitesFor(['k_proj'])).to.deep.equal([
      'model.layers.0.self_attn.k_proj',
      'model.layers.1.self_attn.k_proj',
    ]);
    expect(await sitesFor(['model.layers.1.mlp.up_proj', '0.self_attn.q_proj'])).to.deep.equal([
      'model.layers.0.self_attn.q_proj',
      'model.layers.1.mlp.up_proj',
    ]);
  });

  it('all-linear means all but the output', async () => {
    const sites = await sitesFor('all-linear');
    expect(sites).to.have.lengthOf(14).and.not.include('lm_head');
    expect(await sitesFor(['lm_head', 'q_proj'])).to.include('lm_head');
  });

  it('that match nothing are all named, with what could match', () =>
    expectError(
      () => sitesFor(['query_key_value', 'q_proj', 'proj']),
      'TARGET_MODULES',
      /matches query_key_value, proj\n/,
      'q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, lm_head',
      'all-linear',
    ));
});

describe("lora's options", () => {
  it('hold no rank above both sides of a layer', () =>
    expectError(() => adapt({ r: 10 ** 12 }), 'ADAPTER_INVALID', 'adapter.r is 1000000000000', '[32,32]'));

  const refused = (adapter: Record<string, unknown>, ...texts: (string | RegExp)[]) =>
    expectError(() => compose({ adapter: { ...LORA, ...adapter } }), 'PLUGIN_INVALID', ...texts);

  it('are checked, each fault with the key and the value', async () => {
    await refused(
      { r: 0, dropout: 1, alpha: -2 },
      /adapter\.r\b.*0/,
      /adapter\.dropout\b.*1/,
      /adapter\.alpha\b.*-2/,
    );
    await refused({ targetModules: [] }, 'adapter.targetModules');
    await refused({ r: '8' }, 'adapter.r: expected number, but got "8"');
  });

  it('take targets as a list: one name alone is refused with what to write, and advice for options', () =>
    refused(
      { targetModules: 'q_proj' },
      'adapter.targetModules: expected all-linear, or a list of names such as [q_proj, v_proj], but got "q_proj"',
      'configs/README.md explains the options',
    ));

  it('that are unknown are refused with the nearest known one', () =>
    refused({ targetModule: ['q_proj'] }, 'unknown key "adapter.targetModule"', 'targetModules'));

  it('follow from the adapter to start from, and may not contradict it', async () => {
    await refused({ init: PEFT_ADAPTER.init, r: 8 }, 'adapter.r', 'has 4');
    await refused({ init: PEFT_ADAPTER.init, targetModules: ['k_proj'] }, 'adapter.targetModules', 'v_proj');
    // PEFT keeps the targets as a set: their order says nothing.
    await compose({ adapter: { ...PEFT_ADAPTER, r: 4, targetModules: ['v_proj', 'q_proj'] } });
  });

  it('take an init that is no adapter of this kind for what it is', async () => {
    const folder = new TemporaryFolder();
    try {
      await refused({ init: folder.path }, 'adapter.init', 'adapter_config.json');
      // A run's folder has its adapter in a folder of its own.
      folder.write('adapter/adapter_config.json', '{}');
      await refused({ init: folder.path }, `it is in ${folder.join('adapter')}: name that`);
      folder.write('adapter_config.json', '{');
      await refused({ init: folder.path }, 'adapter_config.json', 'no JSON');
    } finally {
      folder.remove();
    }
  });

  it('refuse an adapter that is not ordinary LoRA: every such setting with its value, and what to do', async () => {
    const folder = new TemporaryFolder();
    const config = readFixture<object>('peft-adapter', 'adapter_config.json');
    const describe = (values: object) =>
      folder.write('adapter_config.json', JSON.stringify({ ...config, ...values }));
    const told = (values: object, ...texts: string[]) => {
      describe(values);
      return refused({ init: folder.path }, 'adapter_config.json', ...texts);
    };
    try {
      await told({ use_dora: true }, 'use_dora is true');
      await told({ modules_to_save: ['lm_head'] }, 'modules_to_save is ["lm_head"]', 'merge_and_unload');
      await told({ alora_invocation_tokens: [5, 6] }, 'alora_invocation_tokens is [5,6]');
      await told({ bias: 'all', lora_bias: true }, 'bias is "all"', 'lora_bias is true');
      await told({ peft_type: 'IA3', r: 0 }, 'peft_type is "IA3"', 'LORA', 'r is 0');
      for (const way of ['pissa', 'pissa_niter_16', 'olora', 'corda', 'loftq', 'lora_ga', 'soon']) {
        const advice = 'path_initial_model_for_weight_conversion';
        await told({ init_lora_weights: way }, `init_lora_weights is "${way}"`, advice);
      }
      for (const init_lora_weights of [true, false, 'gaussian', 'eva', 'orthogonal', null]) {
        describe({ init_lora_weights });
        await compose({ adapter: { ...LORA, init: folder.path } });
      }
    } finally {
      folder.remove();
    }
  });
});

describe('a saved adapter', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  it('is what PEFT saved where nothing was trained: names, shapes, type, values, settings', () =>
    withModel({ model: LLAMA, adapter: PEFT_ADAPTER }, async (model, run) => {
      await saveAdapter(run, model, folder.path);
      const file = 'adapter_model.safetensors';
      const theirs = headerOf(fixture('peft-adapter', file));
      const ours = headerOf(folder.join(file));
      for (const [name, { shape, dtype }] of Object.entries(theirs)) {
        expect(ours[name], name).to.include({ dtype }).and.to.deep.include({ shape });
      }
      expect(Object.keys(ours)).to.have.lengthOf(Object.keys(theirs).length);
      const config = JSON.parse(readFileSync(folder.join('adapter_config.json'), 'utf8'));
      const reference = readFixture<Record<string, unknown>>('peft-adapter', 'adapter_config.json');
      expect(reference).to.include.keys(Object.keys(config));
      // The base model's name is the one thing that differs: here it is a path.
      expect(config.base_model_name_or_path).to.equal(LLAMA.path);
      for (const key of Object.keys(config)) {
        if (key !== 'base_model_name_or_path') expect(config[key], key).to.deep.equal(reference[key]);
      }
    }));

  it('as PEFT kept it in March 2023 is read to the bit: adapter_model.bin, and settings that are no longer', async () => {
    const init = fixture('alpaca-lora');
    expect(await adapt({ init })).to.deep.equal(await adapt({ init: PEFT_ADAPTER.init }));
    // Of two files the later form counts.
    cpSync(init, folder.path, { recursive: true });
    cpSync(fixture('torch', 'legacy.pt'), folder.join('adapter_model.bin'));
    await expectError(() => adapt({ init: folder.path }), 'CHECKPOINT_INVALID', 'adapter_model.bin');
    cpSync(fixture('peft-adapter', 'adapter_model.safetensors'), folder.join('adapter_model.safetensors'));
    await adapt({ init: folder.path });
  });

  it('is refused where it lacks a tensor, holds a foreign one, or has another shape', async () => {
    const start = { model: LLAMA, adapter: { ...LORA, init: folder.path } };
    cpSync(fixture('peft-adapter'), folder.path, { recursive: true });
    const config = readFixture<object>('peft-adapter', 'adapter_config.json');
    const pretend = (values: object) =>
      folder.write('adapter_config.json', JSON.stringify({ ...config, ...values }));
    const use = () => withModel(start, () => {});

    pretend({ target_modules: ['q_proj', 'v_proj', 'k_proj'] });
    await expectError(use, 'ADAPTER_INVALID', 'adapter_model.safetensors', 'lacks 4 of 12', 'k_proj.lora_A');
    pretend({ target_modules: ['q_proj'] });
    await expectError(use, 'ADAPTER_INVALID', 'holds 4 tensors that fit nowhere', 'v_proj.lora_A');
    pretend({ r: 8 });
    await expectError(use, 'ADAPTER_INVALID', 'lora_A.weight is [4,32], expected [8,32]');
  });
});

describe('ten optimizer steps on an adapter', () => {
  it('are those of PyTorch: losses, norms, learning rates, and the adapter at the end', async () => {
    const folder = new TemporaryFolder();
    try {
      const { options, steps, adapter } = expected.training;
      const run: ComposedRun = await compose({
        model: LLAMA,
        adapter: PEFT_ADAPTER,
        device: { name: 'portable' },
        data: {
          sources: [{ path: fixture('llama', 'train.json'), format: 'alpaca' }],
          cutoffLength: 512,
          shuffle: false,
          validationSize: 0,
        },
        train: options,
        output: folder.join('run'),
      });
      await run.trainer.run();

      const done = run.events.filter((event): event is StepEvent => event.type === 'step');
      expect(done).to.have.lengthOf(steps.length);
      for (const [i, { loss, gradNorm, learningRate }] of steps.entries()) {
        expect(done[i].learningRate, `rate of step ${i + 1}`).to.be.closeTo(learningRate, 1e-12);
        expect(done[i].loss, `loss of step ${i + 1}`).to.be.closeTo(loss, 1e-5 * loss);
        expect(done[i].gradNorm, `norm of step ${i + 1}`).to.be.closeTo(gradNorm, 1e-4 * gradNorm);
      }
      const init = folder.join('run', 'adapter');
      const trained = await adapt({ init });
      expect([...trained.keys()].sort()).to.deep.equal(Object.keys(adapter).sort());
      const start = await adapt({ init: PEFT_ADAPTER.init });
      for (const [name, numbers] of trained) {
        expect(numbers, 'training moved it').to.not.deep.equal(start.get(name));
        // Near enough that even the weight decay, which moves them by 2e-4 in all, cannot be left out.
        expectClose(numbers, floatsOf(adapter[name]), 2e-5, name);
      }
    } finally {
      folder.remove();
    }
  });
});
