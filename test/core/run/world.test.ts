import { existsSync } from 'node:fs';
import { expect } from 'chai';
import type { World } from '../../../core/contracts/world.js';
import { definePlugin, type Plugin } from '../../../core/plugins/plugin.js';
import type { TemporaryFolder } from '../../support/files.js';
import { expectClose } from '../../support/numbers.js';
import { composeTestRun, readMetrics, readSteps, withRunPlace } from '../../support/runs.js';
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

  // With three, one has no micro-batch of its own.
  for (const size of [2, 3]) {
    it(`loses what one process loses, with ${size}; rank 0 alone writes`, async () => {
      const train = { maxSteps: 4, evalEvery: 2 };
      const values = { data, validationSize: 3, train };
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
});
