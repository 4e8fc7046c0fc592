import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { RunState } from '../../../core/contracts/state.js';
import { definePlugin } from '../../../core/plugins/plugin.js';
import type { Trainer } from '../../../core/run/trainer.js';
import { TemporaryFolder } from '../../support/files.js';
import { composeTestRun, EIGHT_ROWS, readSteps } from '../../support/runs.js';

/** A state as text and back, as a file would hold it. */
function copied({ optimizer, ...rest }: RunState): RunState {
  const tensors = Array.from(optimizer.tensors, ([name, tensor]) => [
    name,
    tensor.shape,
    [...tensor.dataSync()],
  ]);
  const json = JSON.stringify({ ...rest, optimizer: { numbers: optimizer.numbers, tensors } });
  const read = JSON.parse(json) as RunState & { optimizer: { tensors: [string, number[], number[]][] } };
  const made = read.optimizer.tensors.map(
    ([name, shape, values]) => [name, tf.tensor(values, shape)] as const,
  );
  return { ...read, optimizer: { numbers: read.optimizer.numbers, tensors: new Map(made) } };
}

describe('the state of a run', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  for (const optimizer of ['adamw', { name: 'sgd', momentum: 0.9 }, 'lion']) {
    it(`is all that a run needs to go on to the same numbers, bit for bit: ${JSON.stringify(optimizer)}`, async () => {
      const data = folder.write('rows.json', EIGHT_ROWS);
      const learningRate = optimizer === 'adamw' ? 0.01 : 0.001;
      // Two steps an epoch: the third is in the midst of the second pass.
      const train = { epochs: 3, saveEvery: 3, optimizer, learningRate, logEvery: 2 };
      const output = folder.join('whole');
      let trainer: Trainer;
      let kept: RunState | undefined;
      const heard: unknown[] = [];
      const keeping = definePlugin({
        name: 'keeping',
        apiVersion: 2,
        apply({ hooks }) {
          let counted = 0;
          hooks.step.tap(() => void counted++);
          hooks.saveState.tap((states) => void states.set('keeping', { counted }));
          hooks.restoreState.tap((states) => void heard.push(states.get('keeping')));
          hooks.save.tap(
            async ({ step }) => {
              if (step === 3) kept = copied(await trainer.state());
            },
            { stage: 1 },
          );
        },
      });
      const values = new Map<string, number[]>();
      const copying = definePlugin({
        name: 'copying',
        apiVersion: 2,
        apply({ hooks }) {
          hooks.step.tap(async ({ step }, { model }) => {
            if (step !== 3) return;
            for (const [name, variable] of model.trainable) values.set(name, [...(await variable.data())]);
          });
        },
      });
      const first = await composeTestRun({ output, data, validationSize: 2, train }, [keeping, copying]);
      trainer = first.trainer;
      const { firstLoss } = await first.trainer.run();

      const setting = definePlugin({
        name: 'setting',
        apiVersion: 2,
        apply({ hooks }) {
          hooks.injectAdapters.tap(
            (model) => {
              for (const [name, variable] of model.trainable) {
                const value = tf.tensor(values.get(name) as number[], variable.shape);
                variable.assign(value);
                value.dispose();
              }
            },
            { stage: 1 },
          );
        },
      });
      const rest = folder.join('rest');
      const second = await composeTestRun({ output: rest, data, validationSize: 2, train }, [
        keeping,
        setting,
      ]);
      trainer = second.trainer;
      const state = kept as RunState;
      const result = await second.trainer.run({ from: state });
      tf.dispose([...state.optimizer.tensors.values()]);

      const told = (of: string) =>
        readSteps(of).map(({ tokensPerSecond: _, memory: _memory, ...event }) => event);
      expect(told(rest)).to.deep.equal(told(output).filter(({ step }) => step > 3));
      expect(heard).to.deep.equal([{ counted: 3 }]);
      expect(result).to.include({ status: 'completed', steps: 6 });
      expect(result.firstLoss).to.equal(firstLoss);
    });
  }
});
