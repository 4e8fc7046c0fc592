import { expect } from 'chai';
import { makeConfig } from '../../../core/config/load.js';
import { warmupStepsOf } from '../../../core/run/plugin-parts.js';
import { evaluationNotice, randomBaseNotice, warmupNotice } from '../../../core/run/start-event.js';

const train = (values: object) =>
  makeConfig({ model: { path: 'm' }, data: { sources: ['cot'] }, train: values }).train;

describe('the warm-up', () => {
  it('is a tenth of the run, and at most 100 steps, unless it is set', () => {
    const steps = [1, 8, 10, 99, 143, 999, 1000, 50_000];
    expect(steps.map((count) => warmupStepsOf(train({}), count))).to.deep.equal([
      0, 0, 1, 9, 14, 99, 100, 100,
    ]);
    expect(warmupStepsOf(train({ warmupSteps: 100 }), 8)).to.equal(100);
    expect(warmupStepsOf(train({ warmupSteps: 0 }), 1000)).to.equal(0);
    expect(warmupStepsOf(train({ warmupRatio: 0.03 }), 8)).to.equal(1);
  });

  it('is told with the settings to change if it outlasts the run, and only then', () => {
    expect(warmupNotice(train({}), 8)).to.equal(undefined);
    expect(warmupNotice(train({ warmupSteps: 7 }), 8)).to.equal(undefined);
    expect(warmupNotice(train({ warmupSteps: 100 }), 8)).to.match(
      /^the warm-up \(100 steps\) outlasts the run \(8 steps\): .* Lower train\.warmupSteps, .*train\.epochs/,
    );
    expect(warmupNotice(train({ warmupRatio: 1 }), 1)).to.match(/\(1 step\).* Lower train\.warmupRatio/);
  });
});

describe('a base model that is drawn at random', () => {
  it('is told of where only an adapter beside it is trained', () => {
    expect(randomBaseNotice('random', 'adapter')).to.match(
      /^the base model is drawn at random .* method: full/,
    );
    expect(randomBaseNotice('random', 'model')).to.equal(undefined);
    expect(randomBaseNotice('checkpoint', 'adapter')).to.equal(undefined);
  });
});

describe('what waits for evaluations', () => {
  const rows = (held: number) => ({
    validation: { length: held, examples: new Int32Array(held), read: () => [] },
  });

  it('is named, each plugin once, where no rows are held out, and only then', () => {
    expect(evaluationNotice(rows(0), [])).to.equal(undefined);
    expect(evaluationNotice(rows(1), ['perplexity'])).to.equal(undefined);
    expect(evaluationNotice(rows(0), ['perplexity', 'stopper', 'stopper'])).to.match(
      /^no rows are held out, .* does nothing: perplexity, stopper\. Raise data\.validationSize$/,
    );
  });
});
