import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { PagedCache } from '../../../core/generation/paged-cache.js';
import { definePlugin, type Plugin, type TrainerView } from '../../../core/plugins/plugin.js';
import { expectError } from '../../support/errors.js';
import { composeTestRun, readJson, withRunPlace } from '../../support/runs.js';

const PROMPTS = ['Name a color.', 'Is the sky green?'].map((instruction) => ({ instruction, input: '' }));

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
