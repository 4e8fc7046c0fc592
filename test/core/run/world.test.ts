import { existsSync } from 'node:fs';
import { expect } from 'chai';
import type { EvolveError } from '../../../core/base/errors.js';
import type { HookContext } from '../../../core/contracts/context.js';
import type { Prompt } from '../../../core/contracts/dataset.js';
import type { World } from '../../../core/contracts/world.js';
import { definePlugin, type Plugin } from '../../../core/plugins/plugin.js';
import type { TemporaryFolder } from '../../support/files.js';
import { expectClose } from '../../support/numbers.js';
import { composeTestRun, readJson, readMetrics, readSteps, withRunPlace } from '../../support/runs.js';
import { worldsOf } from '../../support/worlds.js';

const worldPlugin = (world: World): Plugin =>
  definePlugin({
    name: `rank ${world.rank}`,
    apiVersion: 2,
    apply({ hooks }) {
      hooks.openWorld.tap(() => world, { stage: -1 });
    },
  }) as Plugin;

describe('a run of several processes', () => {
  let folder: TemporaryFolder;
  let data: string;
  withRunPlace((place) => {
    ({ folder, data } = place);
  });

  // Micro-batches of several lengths; with three processes, one has none of its own. Five rows make steps of two sizes.
  for (const [size, packing] of [
    [2, false],
    [3, false],
    [2, true],
  ] as const) {
    const how = packing ? 'packed rows and dropout' : 'rows';
    it(`loses what one process loses, with ${size} and ${how}; rank 0 alone writes`, async () => {
      const train = { maxSteps: 4, evalEvery: 2, perDeviceBatchSize: packing ? 1 : 2 };
      const values = { data, validationSize: 3, train, packing, adapter: { dropout: packing ? 0.2 : 0 } };
      await (await composeTestRun({ ...values, output: folder.join('one') })).trainer.run();
      const runs = await Promise.all(
        worldsOf(size).map((world) =>
          composeTestRun({ ...values, output: folder.join(`rank${world.rank}`) }, [worldPlugin(world)]),
        ),
      );
      const results = await Promise.all(runs.map(({ trainer }) => trainer.run()));

      const [one, many] = ['one', 'rank0'].map((name) => folder.join(name));
      const of = (key: 'loss' | 'gradNorm', output: string) => readSteps(output).map((event) => event[key]);
      expectClose(of('loss', many), of('loss', one), 1e-5);
      expectClose(of('gradNorm', many), of('gradNorm', one), 1e-4);
      const held = (output: string) => readMetrics(output).flatMap(({ evalLoss }) => evalLoss ?? []);
      expectClose(held(many), held(one), 1e-5);
      for (const { evalLoss, lastLoss } of results) {
        expect(evalLoss).to.equal(results[0].evalLoss);
        expect(lastLoss).to.equal(results[0].lastLoss);
      }
      expect(existsSync(folder.join('rank0', 'adapter', 'adapter_model.safetensors'))).to.equal(true);
      for (let rank = 1; rank < size; rank++) expect(existsSync(folder.join(`rank${rank}`))).to.equal(false);
    });
  }

  it('ends, evaluates and saves in all where a plugin asks for it in one', async () => {
    const values = { data, validationSize: 3, train: { maxSteps: 9 } };
    const asking = definePlugin({
      name: 'asking',
      apiVersion: 2,
      apply(trainer) {
        // Taps of `log` run in the process of rank 0 alone.
        trainer.hooks.log.tap((event) => {
          if (event.type !== 'step') return;
          if (event.step === 1) trainer.requestEvaluate();
          if (event.step === 2) trainer.stop('enough');
        });
      },
    }) as Plugin;
    const runs = await Promise.all(
      worldsOf(2).map((world) =>
        composeTestRun({ ...values, output: folder.join(`rank${world.rank}`) }, [worldPlugin(world), asking]),
      ),
    );
    const results = await Promise.all(runs.map(({ trainer }) => trainer.run()));
    for (const result of results) expect(result).to.include({ status: 'stopped', steps: 2 });
    expect(results[1].evalLoss).to.equal(results[0].evalLoss);
    const evaluated = readMetrics(folder.join('rank0')).filter(({ type }) => type === 'eval');
    expect(evaluated.map(({ step }) => step)).to.deep.equal([0, 1, 2]);
  });

  for (const [where, steps, hook] of [
    ['after a step', 2, 'step'],
    ['within a step', 2, 'loss'],
    ['while a metric is taken', 2, 'evaluate'],
  ] as const) {
    it(`ends after the same step in all where one is interrupted ${where}`, async () => {
      const interruption = new AbortController();
      const interrupting = definePlugin({
        name: 'interrupting',
        apiVersion: 2,
        apply({ hooks }) {
          const interrupt = (...args: unknown[]): undefined => {
            const { step, world, training } = args[args.length - 1] as HookContext;
            if (world.rank === 1 && step === steps && training === (hook === 'loss')) interruption.abort();
          };
          hooks[hook].tap(interrupt);
          // What is interrupted throws.
          hooks.evaluate.tap((_, { examples, generate }, { step }) => {
            if (step > 1)
              return generate(examples.slice(0, 1) as Prompt[], { maxNewTokens: 1 }).then(() => {});
            return undefined;
          });
          // With an amended loss the cross-entropy is measured by itself, which the other process does meanwhile.
          hooks.loss.tap((loss) => loss);
          hooks.evaluate.tap((_, { crossEntropy }) => crossEntropy().then(() => {}));
        },
      }) as Plugin;
      const values = { data, validationSize: 3, train: { maxSteps: 9, evalEvery: 2 } };
      const runs = await Promise.all(
        worldsOf(2).map((world) =>
          composeTestRun(
            { ...values, output: folder.join(`rank${world.rank}`) },
            [worldPlugin(world), interrupting],
            world.rank === 1 ? interruption.signal : undefined,
          ),
        ),
      );
      const failures = await Promise.all(
        runs.map(({ trainer }) => trainer.run().catch((error: EvolveError) => error)),
      );
      for (const failure of failures)
        expect(failure).to.include({ code: 'INTERRUPTED', message: `interrupted after ${steps} steps` });
      expect((failures[0] as EvolveError).advice).to.include('Another process of the run was interrupted.');
      expect(readJson(folder.join('rank0'), 'run.json')).to.include({
        status: 'interrupted',
        steps,
        savedStep: steps,
      });
      // Where it goes on, with the step's event told.
      expect(existsSync(folder.join('rank0', 'checkpoints', `step-${steps}`))).to.equal(true);
      expect(readSteps(folder.join('rank0'))).to.have.lengthOf(steps);
    });
  }
});
