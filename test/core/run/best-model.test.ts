import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { definePlugin, type Metrics, type RunResult } from '../../../core/index.js';
import { expectError } from '../../support/errors.js';
import { composeTestRun, type RunPlace, withRunPlace } from '../../support/runs.js';

/** A metric whose values are known: one for each evaluation. */
function measuring(values: readonly number[]) {
  let evaluation = 0;
  return definePlugin({
    name: 'known',
    apiVersion: 2,
    apply({ hooks }) {
      hooks.evaluate.tap((metrics): Metrics => ({ ...metrics, known: values[evaluation++] }));
    },
  });
}

describe('the best model', () => {
  let place: RunPlace;
  withRunPlace((made) => {
    place = made;
  });

  const train = async (values: readonly number[], settings: object): Promise<RunResult> => {
    const { output, data } = place;
    const keys = { maxSteps: values.length, evalEvery: 1, metricForBestModel: 'known', ...settings };
    const run = await composeTestRun({ output, data, validationSize: 2, train: keys }, [measuring(values)]);
    return run.trainer.run();
  };

  it('is what the run leaves, and what the proof is of', async () => {
    const result = await train([3, 1, 2, 4], { loadBestModelAtEnd: true });
    expect(result).to.include({ steps: 4, savedStep: 2, status: 'completed' });
    expect(result.best).to.deep.equal({ step: 2, metric: 'known', value: 1 });
    const { passed, saved, tensors } = result.proof ?? {};
    expect(passed).to.equal(true);
    expect(saved).to.deep.include({ step: 2, compared: tensors, logitsDiffer: null });
  });

  it('is that of the highest value where that is the better', async () => {
    const result = await train([1, 3, 2], { loadBestModelAtEnd: true, greaterIsBetter: true });
    expect(result.best).to.deep.equal({ step: 2, metric: 'known', value: 3 });
    expect(result.savedStep).to.equal(2);
  });

  it('ends the run when evaluations in a row were no better, and leaves the last one where nobody asked for the best', async () => {
    const result = await train([3, 2, 2.5, 1.99, 2, 9], {
      earlyStoppingPatience: 3,
      earlyStoppingThreshold: 0.1,
    });
    expect(result).to.include({ status: 'stopped', steps: 5, savedStep: 5 });
    expect(result.stopReason).to.equal(
      'known has not become better for 3 evaluations than 1.99 after step 4',
    );
  });

  it('refuses a metric that nothing measures, and says what there is', () =>
    expectError(
      () => train([1], { loadBestModelAtEnd: true, metricForBestModel: 'knwn' }),
      'CONFIG_INVALID',
      ...['"knwn"', 'did you mean "known"', 'evalLoss, known'],
    ));

  it('is refused before the first step where nothing is measured but the held-out loss', async () => {
    const { output, data } = place;
    const waiting = { loadBestModelAtEnd: true, metricForBestModel: 'evalLos' };
    const { trainer } = await composeTestRun({ output, data, validationSize: 2, train: waiting });
    await expectError(() => trainer.run(), 'CONFIG_INVALID', '"evalLos"', 'did you mean "evalLoss"');
    expect(existsSync(output)).to.equal(false);
  });

  it('says so where no rows are held out', async () => {
    const { output, data } = place;
    const run = await composeTestRun({ output, data, train: { maxSteps: 1, loadBestModelAtEnd: true } });
    await run.trainer.run();
    const notices = run.events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));
    expect(notices.join('\n')).to.include('no rows are held out').and.include('train.loadBestModelAtEnd');
    expect(JSON.parse(readFileSync(`${output}/run.json`, 'utf8')).savedStep).to.equal(1);
  });
});
