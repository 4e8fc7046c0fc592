import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { loadConfig } from '../../../core/config/load.js';
import type { SaveRequest } from '../../../core/contracts/adapter.js';
import { definePlugin } from '../../../core/plugins/plugin.js';
import { expectError } from '../../support/errors.js';
import type { TemporaryFolder } from '../../support/files.js';
import { expectClose } from '../../support/numbers.js';
import {
  composeTestRun,
  RUN_DEVICE,
  readJson,
  readMetrics,
  readSteps,
  withRunPlace,
} from '../../support/runs.js';

describe('Trainer', () => {
  let folder: TemporaryFolder;
  let data: string;
  let output: string;
  withRunPlace((place) => {
    ({ folder, data, output } = place);
  });

  const losses = () => readSteps(output).map((event) => event.loss);

  it('learns: the loss falls, and the output folder holds what it should', async () => {
    const run = await composeTestRun({
      output,
      data,
      validationSize: 2,
      train: { maxSteps: 30, evalEvery: 15 },
    });
    const result = await run.trainer.run();

    const steps = readSteps(output);
    expect(steps).to.have.length(30);
    expect(steps[29].loss).to.be.below(0.8 * steps[0].loss);
    expect(steps[0]).to.have.all.keys(
      ...['type', 'step', 'epoch', 'loss', 'learningRate', 'gradNorm', 'tokens', 'tokensPerSecond', 'memory'],
      'bySource',
    );
    const evaluations = readMetrics(output).filter((event) => event.type === 'eval');
    expect(evaluations.map((event) => event.step)).to.deep.equal([0, 15, 30]);

    const record = readJson(output, 'run.json');
    expect(record).to.deep.equal(JSON.parse(JSON.stringify(result)));
    expect(record).to.include({
      status: 'completed',
      steps: 30,
      firstLoss: steps[0].loss,
      lastLoss: steps[29].loss,
      baseLoss: evaluations[0].evalLoss,
      evalLoss: evaluations[2].evalLoss,
    });
    // An adapter changes nothing before it is trained: that is the base model's loss.
    expect(evaluations[2].evalLoss).to.be.below(evaluations[0].evalLoss as number);
    expect(record.device).to.include({ name: RUN_DEVICE, requested: RUN_DEVICE });
    expect(record.versions).to.have.keys('evolve', 'node', 'tfjs');
    for (const file of ['adapter/adapter_config.json', 'adapter/adapter_model.safetensors', 'config.yaml']) {
      expect(existsSync(`${output}/${file}`), file).to.equal(true);
    }
  });

  it('gives the same losses twice with the same seed, others with another; config.yaml holds the run', async () => {
    const train = { maxSteps: 6, seed: 7 };
    await (await composeTestRun({ output, data, train })).trainer.run();
    const first = losses();
    const again = folder.join('again');
    await (await composeTestRun({ output: again, data, train })).trainer.run();
    expect(readSteps(again).map((event) => event.loss)).to.deep.equal(first);

    const other = folder.join('other');
    await (await composeTestRun({ output: other, data, train: { ...train, seed: 8 } })).trainer.run();
    expect(readSteps(other).map((event) => event.loss)).to.not.deep.equal(first);

    const { config } = await loadConfig(`${output}/config.yaml`);
    expect(config.adapter).to.include({ method: 'lora', r: 4, alpha: 16, dropout: 0.05 });
    expect(config.train).to.include(train);
  });

  it('loses the same over the same examples, packed or not', async () => {
    const all: { losses: number[]; norms: number[]; held: number }[] = [];
    for (const packing of [false, true]) {
      const to = folder.join(`packing-${packing}`);
      const train = { perDeviceBatchSize: 8, gradientAccumulationSteps: 1, maxSteps: 3 };
      const values = { output: to, data, validationSize: 3, packing, train, adapter: { dropout: 0 } };
      const result = await (await composeTestRun(values)).trainer.run();
      const steps = readSteps(to);
      const [losses, norms] = [steps.map((event) => event.loss), steps.map((event) => event.gradNorm)];
      all.push({ losses, norms, held: result.evalLoss as number });
    }
    expectClose(all[1].losses, all[0].losses, 1e-5, 'loss');
    expectClose(all[1].norms, all[0].norms, 1e-4, 'gradient norm');
    expect(all[1].held).to.be.closeTo(all[0].held, 1e-4);
  });

  it('counts packed rows as rows of a batch, and tells how many rows were packed into how many', async () => {
    const train = { perDeviceBatchSize: 1, gradientAccumulationSteps: 1, epochs: 2 };
    const run = await composeTestRun({ output, data, packing: true, train });
    const { rows, steps } = await run.trainer.run();
    expect(rows).to.include({ trainRows: 8, validationRows: 0 });
    const packedRows = rows?.packedRows as number;
    expect(packedRows).to.be.within(3, 6);
    expect(steps).to.equal(2 * packedRows);
    expect(run.events.find((event) => event.type === 'start')).to.include({ ...rows, steps });
    const events = readSteps(output);
    expect(Math.max(...events.map((event) => event.tokens))).to.be.at.most(256);
    expect(events.map((event) => event.epoch).at(-1)).to.equal(2);
  });

  it('reads nothing back synchronously while it trains, and the losses of a step at once', async () => {
    const reads = { sync: 0, async: 0 };
    const watching = definePlugin({
      name: 'watching',
      apiVersion: 2,
      apply({ hooks }) {
        let restore = () => {};
        hooks.done.tap(() => restore());
        // Once the model is there: loading may read.
        hooks.makeSchedule.tap(
          () => {
            const { data, dataSync } = tf.Tensor.prototype;
            tf.Tensor.prototype.dataSync = function () {
              reads.sync++;
              return dataSync.call(this) as never;
            };
            tf.Tensor.prototype.data = function () {
              reads.async++;
              return data.call(this) as never;
            };
            restore = () => void Object.assign(tf.Tensor.prototype, { data, dataSync });
            return undefined;
          },
          { stage: -1 },
        );
      },
    });
    const train = { maxSteps: 1, perDeviceBatchSize: 2, gradientAccumulationSteps: 4 };
    const run = await composeTestRun({ output, data, train }, [watching]);
    await run.trainer.run();
    expect(reads.sync).to.equal(0);
    // The losses of the four micro-batches, and the norm. The adapter is saved: its norm, two matrices of each of four layers.
    // The state of the run: these matrices in fp32, and two moments of each. The proof of training: these before the first
    // step and after the last, and what a few rows yield with the adapter of the memory and with that of the disk.
    expect(reads.async).to.equal(2 + 1 + 8 + 3 * 8 + 2 * 8 + 2);
  });

  it('computes the same with gradient checkpointing', async () => {
    await (await composeTestRun({ output, data, train: { maxSteps: 3 } })).trainer.run();
    const other = folder.join('checkpointed');
    const train = { maxSteps: 3, gradientCheckpointing: true };
    await (await composeTestRun({ output: other, data, train })).trainer.run();
    expect(readSteps(other).map((event) => event.loss)).to.deep.equal(losses());
  });

  it('averages the loss per target token of the whole step, however it is cut into micro-batches', async () => {
    // Without dropout the three runs differ in nothing but the cut.
    const cuts = [
      [8, 1],
      [4, 2],
      [1, 8],
    ];
    const all: number[][] = [];
    for (const [i, [perDeviceBatchSize, gradientAccumulationSteps]] of cuts.entries()) {
      const cut = folder.join(`cut${i}`);
      const train = { perDeviceBatchSize, gradientAccumulationSteps, maxSteps: 3 };
      await (await composeTestRun({ output: cut, data, train, adapter: { dropout: 0 } })).trainer.run();
      all.push(readSteps(cut).map((event) => event.loss));
    }
    expectClose(all[1], all[0], 1e-4);
    expectClose(all[2], all[0], 1e-4);
  });

  it('passes through the data epoch by epoch, a smaller last step included', async () => {
    const train = { perDeviceBatchSize: 3, gradientAccumulationSteps: 1, epochs: 2 };
    await (await composeTestRun({ output, data, train })).trainer.run();
    const steps = readSteps(output);
    expectClose(
      steps.map((event) => event.epoch),
      [1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2],
      1e-12,
    );
    const tokens = (from: number) =>
      steps.slice(from, from + 3).reduce((sum, event) => sum + event.tokens, 0);
    expect(tokens(0), 'both epochs see the same rows').to.equal(tokens(3));
  });

  it('logs what several steps did together with logEvery', async () => {
    const train = { maxSteps: 5, perDeviceBatchSize: 2, gradientAccumulationSteps: 1 };
    await (await composeTestRun({ output, data, train })).trainer.run();
    const each = readSteps(output);
    const grouped = folder.join('grouped');
    await (await composeTestRun({ output: grouped, data, train: { ...train, logEvery: 2 } })).trainer.run();
    const pairs = readSteps(grouped);
    expect(pairs.map((event) => event.step)).to.deep.equal([2, 4, 5]);
    expect(pairs[0].loss).to.be.within(
      Math.min(each[0].loss, each[1].loss),
      Math.max(each[0].loss, each[1].loss),
    );
    expect(pairs[0].tokens).to.equal(each[0].tokens + each[1].tokens);
  });

  it('calls the hooks of the lifecycle in order', async () => {
    const calls: string[] = [];
    const called = (name: string) => () => {
      calls.push(name);
    };
    const spy = definePlugin({
      name: 'spy',
      apiVersion: 2,
      apply({ hooks }) {
        const first = { stage: -1 };
        hooks.openDevice.tap(called('openDevice'), first);
        hooks.loadModel.tap(called('loadModel'), first);
        hooks.quantize.tap(called('quantize'), first);
        hooks.injectAdapters.tap(called('injectAdapters'), first);
        hooks.loadData.tap(called('loadData'), first);
        hooks.loss.tap(called('loss'));
        hooks.gradients.tap(called('gradients'));
        hooks.step.tap(called('step'));
        hooks.evaluate.tap(called('evaluate'));
        hooks.save.tap(called('save'));
        hooks.done.tap(called('done'));
      },
    });
    await (
      await composeTestRun({ output, data, validationSize: 2, train: { maxSteps: 1 } }, [spy])
    ).trainer.run();
    expect(calls).to.deep.equal([
      ...['loadData', 'openDevice', 'loadModel', 'quantize', 'injectAdapters'],
      // Two micro-batches, then the held-out rows.
      // The held-out rows before training, and two micro-batches.
      ...['loss', 'loss', 'loss', 'gradients', 'step', 'loss', 'evaluate', 'save', 'done'],
    ]);
  });

  it('takes what plugins make of loss and metrics', async () => {
    const amending = definePlugin({
      name: 'amending',
      apiVersion: 2,
      apply({ hooks }) {
        hooks.loss.tap((loss) => tf.mul(loss, 2) as tf.Scalar);
        hooks.evaluate.tap((metrics) => ({ ...metrics, perplexity: Math.exp(metrics.evalLoss) }));
      },
    });
    const values = { data, validationSize: 2, train: { maxSteps: 1 } };
    await (await composeTestRun({ ...values, output })).trainer.run();
    const doubled = folder.join('doubled');
    await (await composeTestRun({ ...values, output: doubled }, [amending])).trainer.run();
    expect(readSteps(doubled)[0].loss).to.be.closeTo(2 * readSteps(output)[0].loss, 1e-5);
    expect(readSteps(doubled)[0].gradNorm).to.be.closeTo(2 * readSteps(output)[0].gradNorm, 1e-4);
    const [evaluation] = readMetrics(doubled).filter(({ type, step }) => type === 'eval' && step > 0);
    expect(evaluation).to.have.property('perplexity', Math.exp(evaluation.evalLoss as number));
  });

  it('says before the first step what waits for evaluations in vain, where no rows are held out', async () => {
    const events: string[] = [];
    const waiting = definePlugin({
      name: 'waiting',
      apiVersion: 2,
      apply({ hooks }) {
        hooks.evaluate.tap((metrics) => metrics);
        hooks.log.tap((event) => {
          events.push(event.type === 'notice' ? event.message : event.type);
        });
      },
    });
    const values = { output, data, metrics: ['perplexity'], train: { maxSteps: 1 } };
    await (await composeTestRun(values, [waiting])).trainer.run();
    const message =
      'no rows are held out, so that nothing is evaluated; what waits for it does nothing: perplexity, waiting. Raise data.validationSize';
    expect(events.slice(events.indexOf('start'))).to.deep.equal(['start', message, 'step', 'save']);
  });

  it('stops at a loss that is no number, with the step in the message and the last good adapter kept', async () => {
    const good: number[][] = [];
    let calls = 0;
    const breaking = definePlugin({
      name: 'breaking',
      apiVersion: 2,
      apply({ hooks }) {
        // Two micro-batches a step: the seventh call is in step 4.
        hooks.loss.tap((loss) => (++calls === 7 ? (tf.mul(loss, Number.NaN) as tf.Scalar) : loss));
        hooks.step.tap(async (_, { model }) => {
          const [variable] = model.trainable.values();
          good.push([...(await variable.data())]);
        });
      },
    });
    const run = await composeTestRun({ output, data, train: { maxSteps: 10 } }, [breaking]);
    await expectError(
      () => run.trainer.run(),
      'NOT_FINITE',
      'the loss of step 4 is NaN',
      'adapter of step 2',
    );
    expect(readJson(output, 'run.json')).to.include({ status: 'failed', steps: 2 });

    const bytes = readFileSync(`${output}/adapter/adapter_model.safetensors`);
    const start = bytes.byteOffset + 8 + Number(bytes.readBigUInt64LE());
    const kept = new Float32Array(bytes.buffer.slice(start), 0, good[1].length);
    expect([...kept], 'the first trainable parameter, as of step 2').to.deep.equal(good[1]);
    expect(good[1]).to.not.deep.equal(good[2]);
  });

  it('stops at a held-out loss that is no number, and keeps the adapter of the step before', async () => {
    const poisoning = definePlugin({
      name: 'poisoning',
      apiVersion: 2,
      apply({ hooks }) {
        hooks.step.tap((event, { model }) => {
          if (event.step < 3) return;
          const [variable] = model.trainable.values();
          const poison = tf.fill(variable.shape, Number.NaN);
          variable.assign(poison);
          poison.dispose();
        });
      },
    });
    const run = await composeTestRun({ output, data, validationSize: 2, train: { maxSteps: 3 } }, [
      poisoning,
    ]);
    await expectError(
      () => run.trainer.run(),
      'NOT_FINITE',
      'the held-out loss of step 3 is NaN',
      'step 2 is kept',
    );
    expect(readJson(output, 'run.json')).to.include({ status: 'failed', steps: 2 });
  });

  for (const [what, interrupt] of [
    ['a save finds', false],
    ['an interruption finds', true],
  ] as const) {
    it(`takes the last update back where ${what} that it left no finite number`, async () => {
      const interruption = new AbortController();
      let good: number[] = [];
      const poisoning = definePlugin({
        name: 'poisoning',
        apiVersion: 2,
        apply({ hooks }) {
          hooks.step.tap(async ({ step }, { model }) => {
            const [variable] = model.trainable.values();
            if (step === 2) good = [...(await variable.data())];
            if (step < 3) return;
            const poison = tf.fill(variable.shape, Number.NaN);
            variable.assign(poison);
            poison.dispose();
            if (interrupt) interruption.abort();
          });
        },
      });
      const train = { maxSteps: interrupt ? 9 : 3 };
      const run = await composeTestRun({ output, data, train }, [poisoning], interruption.signal);
      const message = 'after step 3 the trained variable';
      if (interrupt) await expectError(() => run.trainer.run(), 'INTERRUPTED');
      else await expectError(() => run.trainer.run(), 'NOT_FINITE', message, 'step 2 is kept');
      const notices = run.events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));
      expect(notices.join('\n').includes(message)).to.equal(interrupt);
      expect(readJson(output, 'run.json')).to.include({
        status: interrupt ? 'interrupted' : 'failed',
        steps: 2,
        savedStep: 2,
      });
      expect(readdirSync(output).filter((name) => name.includes('partial'))).to.deep.equal([]);
      const bytes = readFileSync(`${output}/adapter/adapter_model.safetensors`);
      const start = bytes.byteOffset + 8 + Number(bytes.readBigUInt64LE());
      const kept = new Float32Array(bytes.buffer.slice(start), 0, good.length);
      expect([...kept]).to.deep.equal(good);
    });
  }

  it('stops at a gradient of zero, which would end in an adapter that changes nothing', async () => {
    const zeroing = definePlugin({
      name: 'zeroing',
      apiVersion: 2,
      apply({ hooks }) {
        hooks.gradients.tap((gradients) => {
          const zeros = [...gradients].map(([name, gradient]): [string, tf.Tensor] => [
            name,
            tf.zerosLike(gradient),
          ]);
          tf.dispose([...gradients.values()]);
          return new Map(zeros);
        });
      },
    });
    const run = await composeTestRun({ output, data, train: { maxSteps: 3 } }, [zeroing]);
    await expectError(() => run.trainer.run(), 'NO_GRADIENT', 'step 1');
    expect(existsSync(`${output}/adapter`)).to.equal(false);
  });

  it('keeps what was learned when it is interrupted', async () => {
    const interruption = new AbortController();
    const interrupting = definePlugin({
      name: 'interrupting',
      apiVersion: 2,
      apply({ hooks }) {
        hooks.step.tap((event) => {
          if (event.step === 3) interruption.abort();
        });
      },
    });
    const run = await composeTestRun(
      { output, data, train: { maxSteps: 10 } },
      [interrupting],
      interruption.signal,
    );
    await expectError(() => run.trainer.run(), 'INTERRUPTED', 'after 3 steps');
    expect(readJson(output, 'run.json')).to.include({ status: 'interrupted', steps: 3 });
    expect(existsSync(`${output}/adapter/adapter_model.safetensors`)).to.equal(true);
  });

  it('saves whole adapters only: a failing writer leaves the one before untouched', async () => {
    let writes = 0;
    let before: Buffer | undefined;
    const weights = () => readFileSync(`${output}/adapter/adapter_model.safetensors`);
    const failing = definePlugin({
      name: 'failing',
      apiVersion: 2,
      apply({ hooks }) {
        const write = (): undefined => {
          // A save writes the adapter, and the state of the run beside it.
          if (++writes <= 2) return;
          before ??= weights();
          throw new Error('no space left on device');
        };
        hooks.writeCheckpoint.tap(write, { stage: -1 });
      },
    });
    const run = await composeTestRun({ output, data, train: { maxSteps: 4, saveEvery: 2 } }, [failing]);
    await expectError(
      () => run.trainer.run(),
      'PLUGIN_FAILED',
      'plugin "failing"',
      'no space left on device',
    );
    expect(weights().equals(before as Buffer)).to.equal(true);
    expect(readJson(output, 'run.json')).to.include({ steps: 4, savedStep: 2 });
    expect(existsSync(`${output}/adapter.partial`)).to.equal(false);
    expect(readJson(output, 'adapter', 'adapter_config.json')).to.include({ peft_type: 'LORA' });
  });

  it('keeps the adapter before where the new one cannot have its name', async () => {
    let saves = 0;
    const vanishing = definePlugin({
      name: 'vanishing',
      apiVersion: 2,
      apply({ hooks }) {
        const remove = ({ folder: partial }: SaveRequest) => {
          if (++saves === 2) rmSync(partial, { recursive: true });
        };
        hooks.save.tap(remove, { stage: 10 });
      },
    });
    const run = await composeTestRun({ output, data, train: { maxSteps: 4, saveEvery: 2 } }, [vanishing]);
    await expectError(() => run.trainer.run(), 'WRITE_FAILED', 'ENOENT');
    expect(readdirSync(`${output}/adapter`)).to.include('adapter_model.safetensors');
    expect(existsSync(`${output}/adapter.previous`)).to.equal(false);
  });

  it('tells a full disk from a faulty plugin, and a failing clean-up hides neither', async () => {
    const full = definePlugin({
      name: 'full',
      apiVersion: 2,
      apply({ hooks }) {
        const write = async () => {
          // A device of the system's that is always full.
          await writeFile('/dev/full', 'x');
        };
        hooks.writeCheckpoint.tap(write as () => Promise<undefined>, { stage: -1 });
        hooks.done.tap(() => {
          throw new Error('clean-up failed');
        });
      },
    });
    const run = await composeTestRun({ output, data, train: { maxSteps: 1 } }, [full]);
    await expectError(() => run.trainer.run(), 'WRITE_FAILED', 'no space left on device', 'another --output');
    expect(readJson(output, 'run.json')).to.include({ status: 'failed' });
    expect(existsSync(`${output}/adapter`)).to.equal(false);
  });

  it('moves an earlier run aside, and refuses a folder that holds something else', async () => {
    const train = { maxSteps: 1 };
    await (await composeTestRun({ output, data, train })).trainer.run();
    const first = readFileSync(`${output}/metrics.jsonl`, 'utf8');
    await (await composeTestRun({ output, data, train: { ...train, seed: 1 } })).trainer.run();
    expect(readFileSync(`${output}.1/metrics.jsonl`, 'utf8')).to.equal(first);
    expect(readSteps(output)).to.have.length(1);

    const foreign = folder.write('foreign/precious.txt', 'keep me');
    const run = await composeTestRun({ output: folder.join('foreign'), data, train });
    await expectError(() => run.trainer.run(), 'OUTPUT_FOLDER', "not a run's");
    expect(readFileSync(foreign, 'utf8')).to.equal('keep me');
  });

  for (const quantizer of ['int8', 'nf4']) {
    it(`trains over ${quantizer} weights`, async () => {
      await (await composeTestRun({ output, data, quantizer, train: { maxSteps: 20 } })).trainer.run();
      const all = losses();
      expect(all[19]).to.be.below(0.9 * all[0]);
    });
  }
});
