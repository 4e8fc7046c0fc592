/**
 * Holds a backbone to a fixture that test/fixtures/parity.py made with transformers and PEFT:
 *
 *     describeParity('bloom', { fixture: 'bloom' });
 */

import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { decode } from '../../core/generation/decoder.js';
import { GENERATE_DEFAULTS } from '../../core/generation/options.js';
import { TokenSearch } from '../../core/generation/search.js';
import {
  type Device,
  type Encoder,
  type InstructionExample,
  type LanguageModel,
  labelsOf,
  type StepEvent,
} from '../../core/index.js';
import { parameterSizes } from '../../core/model/count.js';
import { compose, encoderOf, floatsOf, readFixture, saveAdapter, withModel } from '../support/compose.js';
import { fixture, TemporaryFolder } from '../support/files.js';
import { expectClose } from '../support/numbers.js';
import {
  AS_IT_IS,
  type Continuation,
  DEVICES,
  fingerprint,
  IN_FP32,
  lastLogitsOf,
  logitsOf,
  RECORDS,
  readParity,
  relativeDistance,
  rowsOf,
  type TestDevice,
} from '../support/parity.js';
import { skip } from '../support/skip.js';
import { gradientsOf } from '../support/variables.js';

export interface ParityFixture {
  /** A folder of test/fixtures. */
  readonly fixture: string;
  /** The folder of expected.json and adapter/, where that is another. */
  readonly expected?: string;
  /** Names of PyTorch's parameters that the backbone calls otherwise. */
  readonly rename?: (parameter: string) => string;
}

/** The contract; `backbone` is the name that the model must tell. */
export function describeParity(backbone: string, options: ParityFixture): void {
  const { expected = options.fixture } = options;
  const parity = readParity(expected);
  const rows = rowsOf(parity);
  const model = { path: fixture(options.fixture) };
  const adapter = { method: 'lora', init: fixture(expected, 'adapter') };

  describe(`the backbone ${backbone} on ${options.fixture}/, held to transformers and PEFT`, () => {
    for (const { title, device, missing, isEmulated = false } of DEVICES) {
      describe(`on ${title}`, () => {
        before(function () {
          if (missing !== undefined) skip(this, missing);
        });
        const base = { model, device, quantizer: IN_FP32 };
        describeNumbers(base);
        describeQuantized({ model, device });
        describeGeneration(base, ...(isEmulated ? FEW_TOKENS : TOKENS[title]));
        // Plain JavaScript is a reference, and slow; the emulated driver is slower still (devices/cuda/runs.test.ts trains there).
        // WebAssembly, whose steps take seconds, trains one model of each backbone.
        const isSlow = title === 'portable, wasm' && options.fixture !== backbone;
        if (title !== 'portable, cpu' && !isEmulated && !isSlow) describeTraining(title, base);
      });
    }
    describeTokens();
    describeNames();
  });

  function describeNumbers(base: object): void {
    it('yields the logits and the loss of rows of different length, together and each alone', () =>
      withModel({ ...base }, (loaded) => {
        const batch = loaded.collate(rows);
        const wanted = floatsOf(parity.logits);
        expectClose(logitsOf(loaded, batch), wanted, 1e-4, 'logits');
        const alone = rows.flatMap((row) => [...logitsOf(loaded, loaded.collate([row]))]);
        expectClose(alone, wanted, 1e-4, 'logits of each row alone');
        const loss = tf.tidy(() => loaded.crossEntropy(batch, AS_IT_IS).dataSync()[0]);
        expect(loss).to.be.closeTo(parity.loss, 1e-4 * parity.loss);
        expectClose(lastLogitsOf(loaded, batch), endsOf(wanted), 1e-4, 'next logits');
      }));

    it('yields with an adapter what PEFT yields once it is merged, and every gradient of it', () =>
      withModel({ ...base, adapter }, (loaded) => {
        const batch = loaded.collate(rows);
        const { loss, gradients, mergedLogits } = parity.adapted;
        expectClose(lastLogitsOf(loaded, batch), floatsOf(mergedLogits), 1e-4, 'merged logits');
        expect([...loaded.trainable.keys()].sort()).to.deep.equal(Object.keys(gradients).sort());
        for (const checkpointing of [false, true]) {
          const found = lossAndGradients(loaded, checkpointing);
          expect(found.loss).to.be.closeTo(loss, 1e-4 * loss);
          for (const [name, gradient] of found.gradients) {
            expect(relativeDistance(gradient, floatsOf(gradients[name])), name).to.be.below(1e-3);
          }
        }
      }));

    it('yields the gradient of every parameter where all are trained', () =>
      withModel({ ...base, quantizer: 'none', adapter: { method: 'full' } }, (loaded) => {
        const renamed = Object.entries(parity.gradients).map(
          ([name, value]) => [options.rename?.(name) ?? name, value] as const,
        );
        const wanted = Object.fromEntries(renamed);
        const { gradients } = lossAndGradients(loaded, false);
        expect([...gradients.keys()].sort()).to.deep.equal(Object.keys(wanted).sort());
        for (const [name, gradient] of gradients) {
          const [norm, product] = fingerprint(gradient);
          const margin = 1e-3 * wanted[name][0] + 1e-5;
          expect(norm, `norm of ${name}`).to.be.closeTo(wanted[name][0], margin);
          expect(product, `direction of ${name}`).to.be.closeTo(wanted[name][1], margin);
        }
      }));
  }

  function describeQuantized(base: object): void {
    for (const [name, settings] of [
      ['int8', {}],
      ['nf4', { doubleQuantization: false }],
    ] as const) {
      it(`yields with ${name} what the decoded weights yield`, () =>
        withModel({ ...base, quantizer: { name, compute: 'fp32', ...settings } }, (loaded) => {
          const last = lastLogitsOf(loaded, loaded.collate(rows));
          expectClose(last, floatsOf(parity.quantized[name]), 1e-4, 'logits');
          expect(relativeDistance(last, endsOf(floatsOf(parity.logits))), 'something is lost').to.be.above(
            1e-4,
          );
        }));
    }
  }

  function describeTraining(title: TestDevice['title'], base: object): void {
    it("takes twenty optimizer steps at PEFT's losses", async function () {
      this.timeout(300_000);
      const folder = new TemporaryFolder();
      try {
        const run = await compose({
          ...base,
          adapter,
          data: {
            sources: [{ path: RECORDS, format: 'alpaca' }],
            cutoffLength: 512,
            shuffle: false,
            validationSize: 0,
          },
          train: parity.training.options,
          output: folder.join('run'),
        });
        const result = await run.trainer.run();
        expect(title).to.contain(result.device?.name);
        const done = run.events.filter((event): event is StepEvent => event.type === 'step');
        expect(done).to.have.lengthOf(parity.training.steps.length).and.to.have.lengthOf(20);
        for (const [i, { loss, gradNorm }] of parity.training.steps.entries()) {
          expect(done[i].loss, `loss of step ${i + 1}`).to.be.closeTo(loss, 1e-3 * loss);
          expect(done[i].gradNorm, `norm of step ${i + 1}`).to.be.closeTo(gradNorm, 1e-2 * gradNorm);
        }
      } finally {
        folder.remove();
      }
    });
  }

  function describeTokens(): void {
    it('encodes records and prompts as the reference does', async () => {
      const encoder = await encoderOf({ model });
      for (const [i, { inputIds, labels }] of parity.encoded.entries()) {
        const encoded = encoder.encode(RECORD_EXAMPLES[i], 512);
        expect([...encoded.inputIds]).to.deep.equal(inputIds);
        expect([...labelsOf(encoded)]).to.deep.equal(labels);
      }
      expect(encoder.encodePrompt(RECORD_EXAMPLES[0])).to.deep.equal(parity.prompt);
    });
  }

  function describeGeneration(base: object, alone: number, together: number): void {
    it(`continues greedily as transformers does for ${alone} tokens, among others for ${together}, with the adapter and without`, async () => {
      const { greedy, adapted } = parity;
      for (const [values, wanted] of [
        [base, greedy],
        [{ ...base, adapter }, adapted.greedy],
      ] as const) {
        await withModel({ ...values }, async (loaded, { encoder, assembler }) =>
          continues(loaded, encoder, wanted, [alone, together], await assembler.openDevice()),
        );
      }
    });
  }

  function describeNames(): void {
    it('tells its name and its size, and has one output layer', () =>
      withModel({ model }, (loaded) => {
        expect(loaded.backbone).to.equal(backbone);
        const sizes = [...parameterSizes(loaded).values()];
        expect(sizes.reduce((total, size) => total + size)).to.equal(parity.parameters);
        expect(loaded.linears.filter((site) => site.isOutput)).to.have.lengthOf(1);
      }));

    it('adapts the modules that PEFT does where the configuration names none, and saves them as PEFT does', () =>
      withModel({ model, adapter: { method: 'lora', r: 4 } }, async (loaded, run) => {
        const folder = new TemporaryFolder();
        try {
          await saveAdapter(run, loaded, folder.path);
          const [ours, theirs] = [folder.path, adapter.init].map((at) => ({
            tensors: headerOf(`${at}/adapter_model.safetensors`),
            targets: JSON.parse(readFileSync(`${at}/adapter_config.json`, 'utf8')).target_modules,
          }));
          expect(ours).to.deep.equal(theirs);
        } finally {
          folder.remove();
        }
      }));
  }

  const lossAndGradients = (loaded: LanguageModel, checkpointing: boolean) => {
    const pass = { ...AS_IT_IS, training: true, checkpointing };
    const batch = loaded.collate(rows);
    return gradientsOf(loaded, () => loaded.crossEntropy(batch, pass));
  };

  /** Of the logits of all tokens those at the rows' ends. */
  function endsOf(logits: Float32Array): number[] {
    let end = 0;
    return rows.flatMap(({ inputIds }) => {
      end += inputIds.length;
      return [...logits.subarray((end - 1) * parity.vocabulary, end * parity.vocabulary)];
    });
  }
}

/** The records of llama/train.json. */
const RECORD_EXAMPLES = readFixture<Omit<InstructionExample, 'kind'>[]>('llama', 'train.json').map(
  (record): InstructionExample => ({ kind: 'instruction', ...record }),
);

/** How many tokens are held to the reference, and how many with others of different length side by side. */
const TOKENS: Readonly<Record<string, readonly [alone: number, together: number]>> = {
  // More than a block of the cache has; the others hold all that transformers made.
  'portable, wasm': [40, 12],
  'portable, cpu': [8, 0],
  // It has no cache of its own, and is not made for single tokens.
  tensorflow: [32, 8],
  native: [128, 128],
  cuda: [128, 128],
};

/** On the emulated driver: a prompt takes it seconds. test/contracts/device.ts has texts side by side there. */
const FEW_TOKENS = [4, 0] as const;

async function continues(
  model: LanguageModel,
  encoder: Encoder,
  { record, ids }: Continuation,
  [alone, together]: readonly [number, number],
  device: Device,
): Promise<void> {
  const records = RECORD_EXAMPLES;
  const begin = (prompt: InstructionExample, tokens: number) => {
    const start = encoder.encodePrompt(prompt);
    const limit = start.length + tokens;
    // What transformers was asked for has no end either.
    const options = { ...GENERATE_DEFAULTS, name: 'the prompt', stopIds: new Set<number>(), limit };
    return new TokenSearch(start, options);
  };
  const answersOf = async (searches: TokenSearch[]) => {
    await decode(model, searches, undefined, { device });
    return searches.map(({ answer }) => answer.ids);
  };
  expect(ids).to.have.lengthOf(128);
  expect(await answersOf([begin(records[record], alone)])).to.deep.equal([ids.slice(0, alone)]);
  if (together === 0) return;
  const others = records.filter((_, i) => i !== record).slice(0, 2);
  const expected: (readonly number[])[] = [ids.slice(0, together)];
  for (const other of others) expected.push(...(await answersOf([begin(other, together)])));
  const prompts = [records[record], ...others];
  const side = await answersOf(prompts.map((prompt) => begin(prompt, together)));
  expect(side).to.deep.equal(expected);
}

/** The names, shapes and types in a safetensors file, by its header alone. */
function headerOf(file: string): Record<string, { shape: number[]; dtype: string }> {
  const bytes = readFileSync(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const { __metadata__, ...tensors } = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  return Object.fromEntries(
    Object.entries(tensors as Record<string, { shape: number[]; dtype: string }>).map(
      ([name, { shape, dtype }]) => [name, { shape, dtype }],
    ),
  );
}
