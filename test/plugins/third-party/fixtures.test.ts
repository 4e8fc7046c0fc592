import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { EvalEvent } from '../../../core/contracts/tracker.js';
import { definePlugin, type Plugin } from '../../../core/plugins/plugin.js';
import { describePlugin } from '../../contracts/plugin.js';
import { fixture, type TemporaryFolder } from '../../support/files.js';
import { expectClose } from '../../support/numbers.js';
import { composeTestRun, type RunValues, readMetrics, readSteps, withRunPlace } from '../../support/runs.js';

const plugin = (name: string) => fixture('plugins', `${name}.ts`);

const stoppingAt = (last: number): Plugin =>
  definePlugin({
    name: 'stopping',
    apiVersion: 2,
    apply(trainer) {
      trainer.hooks.step.tap(({ step }) => {
        if (step === last) trainer.stop('enough');
      });
    },
  }) as Plugin;

describe('what third parties write as plugins, without a hack', () => {
  let folder: TemporaryFolder;
  let data: string;
  withRunPlace((place) => {
    ({ folder, data } = place);
  });

  async function run(name: string, values: Omit<RunValues, 'output' | 'data'>) {
    const output = folder.join(name);
    const composed = await composeTestRun({ output, data, validationSize: 2, ...values });
    return { output, events: composed.events, result: await composed.trainer.run() };
  }
  const losses = (output: string) => readSteps(output).map(({ loss }) => loss);
  const evaluations = (output: string) =>
    readMetrics(output).filter((event) => event.type === 'eval') as unknown as EvalEvent[];

  it('early stopping: a run ends when nothing gets better, and leaves what it had learned at the best', async () => {
    const train = { evalEvery: 2, saveEvery: 3 };
    const { result, events, output } = await run('stopped', {
      plugins: [[plugin('early-stopping'), { patience: 2, minDelta: 100 }]],
      train: { ...train, maxSteps: 20 },
    });
    // The first evaluation is the best by far; the two after it are not better by 100.
    expect(result).to.include({ status: 'stopped', steps: 6, savedStep: 2 });
    expect(result.stopReason).to.match(/^held-out loss is not below \d+\.\d{4} after 6 steps$/);
    const saves = events.flatMap((event) => (event.type === 'save' ? [event.step] : []));
    expect(saves).to.deep.equal([2]);
    // A run of the same schedule that ends there.
    const short = folder.join('short');
    const values = { output: short, data, validationSize: 2, train: { ...train, maxSteps: 20 } };
    await (await composeTestRun(values, [stoppingAt(2)])).trainer.run();
    const weights = (folder: string) => readFileSync(`${folder}/adapter/adapter_model.safetensors`);
    expect(weights(output).equals(weights(short))).to.equal(true);
  });

  it('a schedule that follows the loss', async () => {
    // At a rate this low the loss of a few rows goes up as often as down.
    const train = { maxSteps: 12, learningRate: 1e-9, scheduler: { name: 'plateau', every: 2 } };
    const { output } = await run('plateau', { plugins: [plugin('plateau')], train });
    const steps = readSteps(output);
    let factor = 1;
    let before = Number.MAX_VALUE;
    for (const [i, { learningRate }] of steps.entries()) {
      if (i > 0 && i % 2 === 0) {
        const mean = (steps[i - 2].loss + steps[i - 1].loss) / 2;
        if (mean >= before) factor /= 2;
        before = mean;
      }
      expect(learningRate, `step ${i + 1}`).to.equal(1e-9 * factor);
    }
    expect(factor).to.be.below(1);
  });

  it('an optimizer', async () => {
    const train = { maxSteps: 5, learningRate: 1e-3, weightDecay: 0.1 };
    const own = await run('own', { plugins: [plugin('lion')], train: { ...train, optimizer: 'my-lion' } });
    const builtIn = await run('built-in', { train: { ...train, optimizer: 'lion' } });
    expectClose(losses(own.output), losses(builtIn.output), 1e-6);
    const adamw = await run('adamw', { train });
    expect(losses(own.output)).to.not.deep.equal(losses(adamw.output));
  });

  it('gradient noise: other gradients, the same ones again with the same seed', async () => {
    const train = { maxSteps: 3 };
    const noisy = (name: string, eta: number) =>
      run(name, { plugins: [[plugin('gradient-noise'), { eta }]], train });
    const first = await noisy('first', 0.5);
    const again = await noisy('again', 0.5);
    const silent = await noisy('silent', 0);
    const without = await run('without', { train });
    expect(losses(again.output)).to.deep.equal(losses(first.output));
    expect(losses(first.output)).to.not.deep.equal(losses(without.output));
    expect(losses(silent.output)).to.deep.equal(losses(without.output));
  });

  it('an objective: label smoothing by log-probabilities is that by logits; held-out losses stay comparable', async () => {
    const train = { maxSteps: 3 };
    const smoothed = (name: string, objective: object, plugins: string[] = []) =>
      run(name, { plugins, train: { ...train, objective } });
    const own = await smoothed('own', { name: 'my-smoothing', smoothing: 0.2 }, [plugin('label-smoothing')]);
    const builtIn = await smoothed('built-in', { name: 'label-smoothing', smoothing: 0.2 });
    const none = await smoothed('none', { name: 'label-smoothing', smoothing: 0 });
    const plain = await run('plain', { train });
    expectClose(losses(own.output), losses(builtIn.output), 1e-5);
    expectClose(losses(none.output), losses(plain.output), 1e-5);
    expect(losses(own.output)[0]).to.not.be.closeTo(losses(plain.output)[0], 1e-4);
    const held = ({ result }: { result: { evalLoss: number | null } }) => result.evalLoss as number;
    expect(held(own)).to.be.closeTo(held(builtIn), 1e-4);
  });

  it('a metric of generated answers', async () => {
    const { output } = await run('measured', {
      plugins: [plugin('exact-match')],
      metrics: ['my-exact-match', 'perplexity', { name: 'exact-match', limit: 1, maxNewTokens: 4 }],
      train: { maxSteps: 2, evalEvery: 1 },
    });
    const [base, ...all] = evaluations(output);
    expect(base).to.have.all.keys('type', 'step', 'evalLoss', 'bySource');
    expect(all).to.have.length(2);
    for (const event of all) {
      expect(event.myExactMatch).to.be.within(0, 1);
      expect(event.exactMatch).to.be.within(0, 1);
      expect(event.perplexity).to.equal(Math.exp(event.evalLoss));
    }
  });

  it('each in a file that says what it does, short enough to read', () => {
    const files = readdirSync(fixture('plugins'));
    expect(files).to.include('lion.ts');
    for (const file of files) {
      const text = readFileSync(fixture('plugins', file), 'utf8');
      // A backbone needs a model, and what GGUF must know of it.
      expect(text.split('\n').length, file).to.be.below(file.endsWith('-backbone.ts') ? 120 : 80);
      expect(text, file).to.match(/^\/\*\*\s/);
      expect(text, file).to.not.match(/ as any\b|@ts-|from '\.\.?\//);
    }
  });
});

for (const name of ['early-stopping', 'gradient-noise'])
  describePlugin(undefined, name, { plugins: [plugin(name)] });
