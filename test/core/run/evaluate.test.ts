import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { Objective } from '../../../core/contracts/objective.js';
import { PagedCache } from '../../../core/generation/paged-cache.js';
import { definePlugin, type Plugin, type TrainerView } from '../../../core/plugins/plugin.js';
import { expectError } from '../../support/errors.js';
import { composeTestRun, type RunPlace, readJson, readMetrics, withRunPlace } from '../../support/runs.js';

const PROMPTS = ['Name a color.', 'Is the sky green?'].map((instruction) => ({ instruction, input: '' }));

describe('the cross-entropy that a metric asks for', () => {
  let place: RunPlace;
  withRunPlace((given) => {
    place = given;
  });

  /** The evaluation after one step, and how often the model computed the cross-entropy of held-out rows in it. */
  async function evaluated(name: string, apply: (trainer: TrainerView) => void) {
    const output = place.folder.join(name);
    let calls = 0;
    const plugin = definePlugin({
      name,
      apiVersion: 2,
      apply(trainer) {
        trainer.hooks.injectAdapters.tap(
          (model) => {
            const crossEntropy = model.crossEntropy.bind(model);
            model.crossEntropy = (batch, pass) => {
              if (!pass.training) calls++;
              return crossEntropy(batch, pass);
            };
            return model;
          },
          { stage: 1 },
        );
        apply(trainer);
      },
    }) as Plugin;
    const values = { output, data: place.data, validationSize: 2 };
    const metrics = ['perplexity'];
    const run = await composeTestRun({ ...values, metrics, train: { maxSteps: 1 } }, [plugin]);
    await run.trainer.run();
    const [base, after] = readMetrics(output).filter(({ type }) => type === 'eval');
    expect(base).to.not.have.property('perplexity');
    const { evalLoss = Number.NaN } = after;
    const { perplexity } = after as { perplexity?: number };
    return { evalLoss, perplexity, calls };
  }

  it('is the held-out loss, unless a plugin makes that another: then it takes one more pass, in one evaluation', async () => {
    const plain = await evaluated('plain', () => {});
    expect(plain.perplexity).to.equal(Math.exp(plain.evalLoss));
    expect(plain.calls, 'batches before the first step and after it').to.equal(2);
    const raised = await evaluated('raised', ({ hooks }) => {
      hooks.loss.tap((loss, batch) => tf.add(loss, batch.targets) as tf.Scalar);
      hooks.evaluate.tap(async (metrics, { crossEntropy }) => ({ ...metrics, again: await crossEntropy() }));
    });
    expect(raised.evalLoss).to.be.closeTo(plain.evalLoss + 1, 1e-5);
    expect(raised.perplexity).to.equal(plain.perplexity);
    expect(raised.calls).to.equal(3);
  });

  it('takes a pass of its own where the objective does not measure it', async () => {
    const doubled = await evaluated('doubled', ({ hooks }) => {
      const loss: Objective['loss'] = (model, batch, pass) =>
        tf.mul(model.crossEntropy(batch, pass), 2) as tf.Scalar;
      hooks.makeObjective.tap(() => ({ loss }), { stage: -1 });
    });
    expect(doubled.perplexity).to.be.closeTo(Math.exp(doubled.evalLoss / 2), 1e-3);
    expect(doubled.calls).to.equal(3);
  });
});

describe('the answers that a metric asks for', () => {
  let data: string;
  let output: string;
  withRunPlace((place) => {
    ({ data, output } = place);
  });

  /** A run of two steps with one evaluation, at the end. */
  const compose = (apply: (trainer: TrainerView) => void, signal?: AbortSignal) => {
    const plugin = definePlugin({ name: 'mine', apiVersion: 2, apply }) as Plugin;
    return composeTestRun({ output, data, validationSize: 2, train: { maxSteps: 2 } }, [plugin], signal);
  };

  it("come from the device's own key-value cache", async () => {
    const caches: PagedCache[] = [];
    const makeCache = () => {
      caches.push(new PagedCache());
      return caches[0];
    };
    const lengths: number[] = [];
    const run = await compose(({ hooks }) => {
      const open = async () => {
        await tf.setBackend('cpu');
        return { name: 'mine', backend: 'cpu', description: 'has a cache of its own', makeCache };
      };
      hooks.openDevice.tap(open, { stage: -1 });
      hooks.evaluate.tap(async (metrics, { generate }) => {
        for (const { tokens } of await generate(PROMPTS, { maxNewTokens: 3 })) lengths.push(tokens);
        return metrics;
      });
    });
    await run.trainer.run();
    expect(lengths).to.deep.equal([3, 3]);
    expect(caches).to.have.lengthOf(1);
    expect(caches[0].blocksInUse).to.equal(0);
  });

  it('stop where the run is interrupted, which says what it kept', async () => {
    const interruption = new AbortController();
    const run = await compose(({ hooks }) => {
      hooks.evaluate.tap(async (metrics, { generate }) => {
        setImmediate(() => interruption.abort());
        await generate(PROMPTS, { maxNewTokens: 100 });
        return metrics;
      });
    }, interruption.signal);
    await expectError(() => run.trainer.run(), 'INTERRUPTED', 'interrupted after 2 steps', 'of step 2 is in');
    expect(readJson(output, 'run.json')).to.include({ status: 'interrupted', steps: 2 });
  });
});
