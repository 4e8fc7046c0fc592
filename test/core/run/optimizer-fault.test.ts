import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { definePlugin, type Plugin } from '../../../core/plugins/plugin.js';
import { TemporaryFolder } from '../../support/files.js';
import { composeTestRun, EIGHT_ROWS } from '../../support/runs.js';

describe('an optimizer that fails within an update', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  /** A run whose optimizer does this to the variables. */
  const runWith = async (update: (variables: ReadonlyMap<string, tf.Variable>) => void) => {
    const failing = definePlugin({
      name: 'failing',
      apiVersion: 2,
      apply({ hooks }) {
        hooks.makeOptimizer.tap(
          ({ variables }) => ({
            update: () => update(variables),
            state: () => ({ numbers: {}, tensors: new Map() }),
            restore() {},
            dispose() {},
          }),
          { stage: -1 },
        );
      },
    }) as Plugin;
    const data = folder.write('rows.json', EIGHT_ROWS);
    return composeTestRun({ output: folder.join('run'), data, train: { maxSteps: 2 } }, [failing]);
  };

  it('leaves no variable half-way: what it changed is taken back', async () => {
    let numbers: () => number[] = () => [];
    let before: number[] = [];
    const run = await runWith((variables) => {
      numbers = () => Array.from(variables.values(), (variable) => variable.dataSync()[0]);
      before = numbers();
      const [first] = variables.values();
      tf.tidy(() => first.assign(tf.onesLike(first)));
      throw new Error('out of ideas');
    });
    const after: number[] = [];
    run.hooks.done.tap('test', () => after.push(...numbers()));
    const failure = await run.trainer.run().catch((error) => error);
    expect(failure).to.include({ code: 'PLUGIN_FAILED' });
    expect(failure.message).to.include('"failing"').and.to.include('out of ideas');
    expect(after).to.deep.equal(before);
  });

  it('is told of where it disposes what it should change', async () => {
    const run = await runWith((variables) => {
      for (const variable of variables.values()) variable.dispose();
    });
    const failure = await run.trainer.run().catch((error) => error);
    expect(failure).to.include({ code: 'PLUGIN_FAILED' });
    expect(failure.message).to.match(/^the trained variable base_model\S+ was disposed by a plugin$/);
    expect(failure.advice).to.include('Look at the optimizer');
  });

  it('is refused where it returns a promise, which nobody would wait for', async () => {
    const run = await runWith(async () => {
      throw new Error('too late');
    });
    const failure = await run.trainer.run().catch((error) => error);
    expect(failure).to.include({ code: 'PLUGIN_FAILED' });
    expect(failure.message).to.include('expected nothing, but got a Promise');
  });
});
