/** Runs that end in their midst, and go on from a checkpoint as if they had not. */

import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { EvolveError } from '../../../core/base/errors.js';
import type { Optimizer, OptimizerRequest } from '../../../core/contracts/optimizer.js';
import type { Plugin } from '../../../core/plugins/plugin.js';
import { definePlugin } from '../../../core/plugins/plugin.js';
import { seal } from '../../../core/run/checkpoints/checksums.js';
import { expectError } from '../../support/errors.js';
import { fixture } from '../../support/files.js';
import {
  composeTestRun,
  EIGHT_ROWS,
  RUN_DEVICE,
  type RunPlace,
  type RunValues,
  readJson,
  readMetrics,
  withRunPlace,
} from '../../support/runs.js';

/** Two steps an epoch; dropout, so that random numbers count. */
const TRAIN = { epochs: 5, saveEvery: 2, evalEvery: 2, logEvery: 3, keepCheckpoints: 100 };

describe('checkpoints', () => {
  let place: RunPlace;
  withRunPlace((taken) => {
    place = taken;
  });

  const values = (further: Partial<RunValues> = {}): RunValues => ({
    output: place.output,
    data: place.data,
    adapter: { dropout: 0.2 },
    ...further,
    train: { ...TRAIN, ...further.train },
  });

  /** Runs to the end, or until the signal comes after this step. */
  const run = async (
    { endsAfter, resume, ...further }: Partial<RunValues> & { endsAfter?: number; resume?: boolean } = {},
    plugins: readonly Plugin[] = [],
  ) => {
    const ending = new AbortController();
    const ender = definePlugin({
      name: 'ender',
      apiVersion: 2,
      apply({ hooks }) {
        hooks.step.tap(({ step }) => {
          if (step === endsAfter) ending.abort();
        });
      },
    });
    const composed = await composeTestRun(values(further), [...plugins, ender], ending.signal);
    const result = await composed.trainer.run({ resume }).catch((error: unknown) => {
      if (endsAfter === undefined || (error as EvolveError).code !== 'INTERRUPTED') throw error;
      return undefined;
    });
    const notices = composed.events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));
    return { result, notices, events: composed.events };
  };

  const checkpoint = (step: number, ...names: string[]) =>
    path.join(place.output, 'checkpoints', `step-${step}`, ...names);

  const sealAnew = async (step: number) => {
    rmSync(checkpoint(step, 'checksums.json'));
    await seal(checkpoint(step));
  };

  const steps = () =>
    readdirSync(path.join(place.output, 'checkpoints'))
      .map((name) => Number(name.replace('step-', '')))
      .sort((a, b) => a - b);

  /** Everything that the run left that must not depend on whether it was interrupted. */
  const left = (output = place.output) => ({
    adapter: readFileSync(path.join(output, 'adapter', 'adapter_model.safetensors')).toString('base64'),
    metrics: readMetrics(output).map(
      ({ tokensPerSecond: _, memory: _memory, ...event }: Record<string, unknown>) => event,
    ),
  });

  for (const [what, further] of [
    ['LoRA with dropout', {}],
    ['packed rows', { packing: true, train: { gradientAccumulationSteps: 1 } }],
    ['an optimizer with momentum', { train: { optimizer: { name: 'sgd', momentum: 0.9 } } }],
    ['all parameters', { adapter: { method: 'full' } }],
  ] as const) {
    it(`let a run go on to the same numbers, bit for bit: ${what}`, async () => {
      const saved = 'adapter' in further ? 'model' : 'adapter';
      const file = (output: string) =>
        readFileSync(
          path.join(output, saved, saved === 'model' ? 'model.safetensors' : 'adapter_model.safetensors'),
        ).toString('base64');
      const whole = place.folder.join('whole');
      await run({ ...further, validationSize: 2, output: whole });
      for (const endsAfter of [1, 4]) {
        await run({ ...further, validationSize: 2, endsAfter, resume: true });
        expect(readJson(place.output, 'run.json')).to.include({ status: 'interrupted', steps: endsAfter });
      }
      const { result } = await run({ ...further, validationSize: 2, resume: true });
      expect(result).to.include({ status: 'completed', resumedFrom: 4 });
      expect(file(place.output)).to.equal(file(whole));
      const told = (output: string) =>
        readMetrics(output).map(
          ({ tokensPerSecond: _, memory: _memory, ...event }: Record<string, unknown>) => event,
        );
      expect(told(place.output)).to.deep.equal(told(whole));
      const {
        startedAt: _started,
        seconds: _,
        peakMemory: __,
        output: ___,
        resumedFrom: ____,
        ...facts
      } = readJson(place.output, 'run.json');
      expect(readJson(whole, 'run.json')).to.deep.include(facts);
    });
  }

  it('do not depend on a data file that changes under the run, which goes on when the file is as it was', async () => {
    const whole = place.folder.join('whole');
    await run({ output: whole });
    const changing = definePlugin({
      name: 'changing',
      apiVersion: 2,
      apply({ hooks }) {
        hooks.step.tap(({ step }) => {
          if (step === 2) writeFileSync(place.data, EIGHT_ROWS.replace('green', 'grey').slice(0, 300));
        });
      },
    });
    await run({ endsAfter: 4 }, [changing]);
    writeFileSync(place.data, EIGHT_ROWS);
    await run({ resume: true });
    expect(left()).to.deep.equal(left(whole));
  });

  it('are folders that an adapter can start from, with all that PEFT needs', async () => {
    await run({ train: { maxSteps: 2 } });
    expect(readdirSync(checkpoint(2))).to.include.members([
      'adapter_config.json',
      'adapter_model.safetensors',
    ]);
    const inAdapter = path.join(place.output, 'adapter', 'adapter_model.safetensors');
    expect(readFileSync(checkpoint(2, 'adapter_model.safetensors'))).to.deep.equal(readFileSync(inAdapter));
    const { result } = await run({
      output: place.folder.join('on'),
      adapter: { init: checkpoint(2) },
      train: { maxSteps: 1 },
    });
    expect(result).to.include({ status: 'completed' });
  });

  it('are as many as keepCheckpoints says, the newest ones, and that of the lowest held-out loss', async () => {
    await run({ validationSize: 2, train: { epochs: 6, keepCheckpoints: 2, learningRate: 0.03 } });
    const losses = new Map(
      readMetrics(place.output).flatMap(({ type, step, evalLoss }) =>
        type === 'eval' && step > 0 ? [[step, evalLoss as number] as const] : [],
      ),
    );
    const [best] = [...losses].reduce((least, entry) => (entry[1] < least[1] ? entry : least));
    const newest = [...losses.keys()].slice(-2);
    expect(steps()).to.deep.equal([...new Set([best, ...newest])].sort((a, b) => a - b));
  });

  it('are none with keepCheckpoints: 0, where only the adapter is kept', async () => {
    await run({ train: { keepCheckpoints: 0 } });
    expect(existsSync(path.join(place.output, 'checkpoints'))).to.equal(false);
    const { notices } = await run({ resume: true, train: { keepCheckpoints: 0 } });
    expect(notices.join('\n')).to.match(/there is no checkpoint in .*: the run starts anew/);
  });

  it('may be continued with more steps than the run had, which is told', async () => {
    await run({ train: { epochs: 2 } });
    const done = await run({ train: { epochs: 2 }, resume: true });
    expect(done.notices.join('\n')).to.include('all 4 steps are done');
    expect(done.result).to.include({ status: 'completed', steps: 4, savedStep: 4 });
    const more = await run({ train: { epochs: 3 }, resume: true });
    expect(more.notices.join('\n')).to.match(/had 4 steps and has 6 now: from step 4 on the learning rate/);
    expect(more.result).to.include({ status: 'completed', steps: 6, resumedFrom: 4 });
  });

  it('are refused for a run of fewer steps than are done, and for one of other rows, before anything is written', async () => {
    await run({ train: { epochs: 3 } });
    const everything = () =>
      readdirSync(place.output, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => [name, readFileSync(path.join(parentPath, name), 'base64')]);
    const before = everything();
    await expectError(
      () => run({ resume: true, train: { maxSteps: 5 } }),
      'RESUME',
      'step-6 has 6 steps done, more than the 5',
      'train.maxSteps',
    );
    const other = place.folder.write('other.json', EIGHT_ROWS.replace('green', 'grey'));
    await expectError(
      () => run({ resume: true, data: other, train: { epochs: 3 } }),
      'RESUME',
      'other.json now',
    );
    expect(everything()).to.deep.equal(before);
  });

  it('give adapter/ back as it was saved, if it is another one or none', async () => {
    const whole = place.folder.join('whole');
    const train = { scheduler: 'constant', logEvery: 1 };
    const to = (maxSteps: number) => ({ train: { ...train, maxSteps } });
    await run({ output: whole, ...to(4) });
    await run(to(6));
    rmSync(checkpoint(6, 'state.json'));
    expect((await run({ resume: true, ...to(4) })).result).to.include({
      savedStep: 4,
      steps: 4,
    });
    expect(left()).to.deep.equal(left(whole));
    rmSync(path.join(place.output, 'adapter'), { recursive: true });
    await run({ resume: true, ...to(4) });
    expect(left()).to.deep.equal(left(whole));
  });

  it('go on beside what a plugin had kept, after a kill between the two renames of a save', async () => {
    const keeper = definePlugin({
      name: 'keeper',
      apiVersion: 2,
      apply({ hooks, requestSave }) {
        hooks.step.tap(({ step }) => {
          if (step === 1) requestSave({ keep: true });
        });
      },
    });
    const to = (maxSteps: number) => ({ train: { scheduler: 'constant', maxSteps, keepCheckpoints: 1 } });
    await run(to(4), [keeper]);
    expect(steps()).to.deep.equal([4]);
    const { adapter } = left();
    const folder = path.join(place.output, 'adapter');
    renameSync(folder, `${folder}.previous`);
    const { result } = await run({ resume: true, ...to(6) }, [keeper]);
    expect(result).to.include({ savedStep: 1, steps: 6 });
    expect(left().adapter).to.equal(adapter);
  });

  it('stay whole when a person edits a file of adapter/ in place', async () => {
    await run({ train: { maxSteps: 2 } });
    writeFileSync(path.join(place.output, 'adapter', 'adapter_config.json'), '{}');
    expect((await run({ resume: true, train: { maxSteps: 4 } })).result).to.include({ resumedFrom: 2 });
  });

  it('are refused if a later evolve wrote them in another form', async () => {
    await run({ train: { maxSteps: 2 } });
    const state = readJson(checkpoint(2, 'state.json'));
    writeFileSync(
      checkpoint(2, 'state.json'),
      JSON.stringify({ form: 9, facts: { version: '7.1.0' }, state }),
    );
    await sealAnew(2);
    await expectError(() => run({ resume: true }), 'RESUME', 'state.json is of form 9', 'wrote it, 7.1.0');
  });

  it('tell what else is not as it was: the device, and further plugins', async () => {
    await run({ train: { maxSteps: 2 } });
    const state = readJson(checkpoint(2, 'state.json')) as { facts: { device: string } };
    state.facts.device = 'gpu (large)';
    writeFileSync(checkpoint(2, 'state.json'), JSON.stringify(state));
    await sealAnew(2);
    const noisy = `export default { name: 'noisy', apiVersion: 2, apply() {} };`;
    const plugins = [place.folder.write('noisy.mjs', noisy)];
    const { notices } = await run({ resume: true, train: { maxSteps: 4 }, plugins });
    expect(notices.join('\n'))
      .to.match(
        new RegExp(
          `the checkpoint is of gpu \\(large\\), this is ${RUN_DEVICE} \\(.*\\): numbers may differ`,
        ),
      )
      .and.include('noisy.mjs is used now, and was not then');
  });

  it('are passed over where they are damaged, which is told', async () => {
    const whole = place.folder.join('whole');
    await run({ output: whole });
    await run({ endsAfter: 7 });
    expect(steps()).to.deep.equal([2, 4, 6, 7]);
    const tensors = readFileSync(checkpoint(7, 'state.safetensors'));
    tensors[tensors.length - 5] ^= 1;
    writeFileSync(checkpoint(7, 'state.safetensors'), tensors);
    rmSync(checkpoint(6, 'state.json'));
    const { notices, result } = await run({ resume: true });
    expect(notices.join('\n'))
      .to.match(/step-7 is damaged \(state\.safetensors is not as it was written\)/)
      .and.match(/step-6 is damaged \(state\.json is missing\)/);
    expect(result).to.include({ resumedFrom: 4 });
    expect(left()).to.deep.equal(left(whole));
  });

  it('are refused if none is whole', async () => {
    await run({ endsAfter: 3 });
    for (const step of steps()) rmSync(checkpoint(step, 'checksums.json'));
    await expectError(() => run({ resume: true }), 'RESUME', 'no checkpoint in', 'leave --resume out');
  });

  describe('are refused for another run:', () => {
    beforeEach(() => run({ endsAfter: 3 }));

    it('other settings, all of them named with both values', async () => {
      const train = { learningRate: 0.02, seed: 7 };
      await expectError(
        () => run({ resume: true, train, adapter: { dropout: 0.1 } }),
        'RESUME',
        'train.learningRate: 0.01 then, 0.02 now',
        'train.seed: 42 then, 7 now',
        'adapter.dropout: 0.2 then, 0.1 now',
      );
    });

    it('other data', async () => {
      writeFileSync(place.data, EIGHT_ROWS.replace('green', 'grey'));
      await expectError(() => run({ resume: true }), 'RESUME', 'the rows have other tokens');
      writeFileSync(place.data, JSON.stringify(JSON.parse(EIGHT_ROWS).slice(1)));
      await expectError(() => run({ resume: true }), 'RESUME', '8 + 0 held out then, 7 + 0 now');
    });

    it('another base model at the same place', async () => {
      const model = place.folder.join('model');
      cpSync(fixture('llama'), model, { recursive: true });
      mkdirSync(path.join(model, 'old.json'));
      // Its weights are the same, until they are changed.
      const inPlace = (resume: boolean) => ({
        resume,
        output: place.folder.join('other'),
        model,
        ...(resume ? {} : { endsAfter: 2 }),
      });
      await run(inPlace(false));
      const weights = path.join(model, 'model.safetensors');
      const bytes = readFileSync(weights);
      bytes[bytes.length - 3] ^= 1;
      writeFileSync(weights, bytes);
      await expectError(() => run(inPlace(true)), 'RESUME', 'the files of', 'have changed');
    });

    it('but not for what changes no number: where data lie, and how often is logged', async () => {
      const moved = place.folder.join('moved.json');
      copyFileSync(place.data, moved);
      const { result } = await run({ resume: true, data: moved, train: { logEvery: 1, saveEvery: 5 } });
      expect(result).to.include({ status: 'completed', resumedFrom: 3 });
    });
  });

  it('are not written where a plugin keeps what JSON does not have: the run fails, and keeps the adapter', async () => {
    for (const [kept, told] of [
      [{ best: Number.POSITIVE_INFINITY }, 'what "keeper" keeps in saveState.best is Infinity'],
      [{ seen: [new Map([[1, 2]])] }, 'what "keeper" keeps in saveState.seen.0 is Map(1)'],
    ] as const) {
      const keeper = definePlugin({
        name: 'keeper',
        apiVersion: 2,
        apply({ hooks }) {
          hooks.saveState.tap((states) => void states.set('keeper', kept));
        },
      });
      const output = place.folder.join(told.slice(-4, -1));
      await expectError(() => run({ output, train: { maxSteps: 2 } }, [keeper]), 'PLUGIN_FAILED', told);
      expect(readdirSync(path.join(output, 'checkpoints'))).to.deep.equal([]);
      expect(existsSync(path.join(output, 'adapter', 'adapter_model.safetensors'))).to.equal(true);
      expect(readJson(output, 'run.json')).to.include({ status: 'failed', savedStep: 2 });
    }
  });

  it('are of whole steps: where an optimizer fails in the midst of an update, only the adapter is saved', async () => {
    let updates = 0;
    const failing = definePlugin({
      name: 'failing',
      apiVersion: 2,
      apply({ hooks }) {
        const make = ({ variables }: OptimizerRequest): Optimizer => ({
          update() {
            updates++;
            for (const variable of variables.values()) {
              tf.tidy(() => variable.assign(tf.add(variable, 0.01)));
              if (updates === 4) throw new Error('no memory is left');
            }
          },
          state: () => ({ numbers: {}, tensors: new Map() }),
          restore() {},
          dispose() {},
        });
        hooks.makeOptimizer.tap(make, { stage: -1 });
      },
    });
    await expectError(() => run({}, [failing]), 'PLUGIN_FAILED', 'no memory');
    expect(steps()).to.deep.equal([2]);
    expect(readJson(place.output, 'run.json')).to.include({ status: 'failed', savedStep: 3 });
  });
});
