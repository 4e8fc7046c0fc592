import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { composeTestRun, type RunPlace, withRunPlace } from '../../support/runs.js';

describe('the plan of a run', () => {
  let place: RunPlace;
  withRunPlace((given) => {
    place = given;
  });

  it('says what the run will do, and has its hash; it writes nothing', async () => {
    const values = { output: place.output, data: place.data, validationSize: 2, train: { epochs: 2 } };
    const plan = await (await composeTestRun(values)).trainer.plan();
    expect(existsSync(place.output)).to.equal(false);
    expect(plan).to.deep.include({ steps: 4, rowsPerStep: 4, backbone: 'llama' });
    expect(plan.rows).to.deep.include({
      read: 8,
      trained: 6,
      heldOut: 2,
      leftOut: {},
      cutRows: 0,
      endShare: 1,
    });
    const [source] = Object.values(plan.rows.bySource);
    expect(source.rows).to.equal(6);
    const { memory, time } = plan;
    if (!memory || !time) throw new Error('the plan was not measured');
    const { weights, trained, gradients, optimizer, rest, total } = memory;
    expect(weights + trained + gradients + optimizer + rest).to.equal(total);
    expect(trained).to.equal(4 * plan.parameters.trainable);
    expect(optimizer).to.be.at.least(2 * trained);
    expect(time.seconds).to.be.above(0);

    const result = await (await composeTestRun(values)).trainer.run();
    expect(result.plan).to.equal(plan.hash);
    const written = JSON.parse(readFileSync(path.join(place.output, 'plan.json'), 'utf8'));
    expect(written).to.deep.include({ hash: plan.hash, steps: 4 });
    expect(written.rows).to.deep.equal(plan.rows);
  });

  it('counts the tokens that the run trains', async () => {
    const values = { output: place.output, data: place.data };
    const plan = await (await composeTestRun(values)).trainer.plan();
    const run = await composeTestRun({ ...values, train: { epochs: 1 } });
    let targets = 0;
    run.hooks.log.tap('count', (event) => {
      if (event.type === 'step')
        for (const group of Object.values(event.bySource ?? {})) targets += group.targets;
    });
    await run.trainer.run();
    const [source] = Object.values(plan.rows.bySource);
    expect(targets).to.equal(source.trainedTokens);
  });

  it('has another hash where data or settings are others, but not for another place', async () => {
    const plan = async (further: object) =>
      (await (await composeTestRun({ output: place.output, data: place.data, ...further })).trainer.plan())
        .hash;
    const first = await plan({});
    expect(await plan({ output: place.folder.join('elsewhere') })).to.equal(first);
    expect(await plan({ train: { learningRate: 0.02 } })).to.not.equal(first);
    expect(await plan({ validationSize: 1 })).to.not.equal(first);
  });
});
