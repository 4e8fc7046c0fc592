import { expect } from 'chai';
import type { GroupLosses, StepEvent } from '../../../core/index.js';
import { definePlugin, type Example } from '../../../core/index.js';
import { compose } from '../../support/compose.js';
import { fixture, TemporaryFolder } from '../../support/files.js';

/** Two sources in two languages. One has answers that reason. */
const EXAMPLES: Example[] = Array.from({ length: 8 }, (_, i): Example => {
  const output = `Since ${i} is ${i}, the answer is ${i}.`;
  const common = { kind: 'instruction', instruction: `Which is ${i}?`, input: '' } as const;
  return i % 2 === 0
    ? { ...common, output, source: 'reasons', language: 'en', rationale: [0, output.indexOf(',')] }
    : { ...common, output: `${i}。`, source: 'plain', language: 'zh' };
});
const given = definePlugin({
  name: 'given',
  apiVersion: 2,
  apply(trainer) {
    trainer.hooks.loadData.tap(({ format }) => (format === 'given' ? eachOf(EXAMPLES) : undefined));
  },
});
async function* eachOf(examples: readonly Example[]): AsyncGenerator<Example> {
  yield* examples;
}

describe('losses by group', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  async function stepsOf(train: object, values: object = {}) {
    const run = await compose(
      {
        model: { path: fixture('llama') },
        adapter: { r: 2, dropout: 0 },
        data: { sources: ['given'], validationSize: 2 },
        train: { perDeviceBatchSize: 2, gradientAccumulationSteps: 3, warmupSteps: 0, maxSteps: 2, ...train },
        device: 'portable',
        output: folder.join('run'),
        ...values,
      },
      { further: [given] },
    );
    await run.trainer.run();
    const steps = run.events.filter((event): event is StepEvent => event.type === 'step');
    return { steps, evaluations: run.events.filter(({ type }) => type === 'eval') as GroupLosses[] };
  }
  /** What the groups have in sum. */
  function summed(groups: GroupLosses['bySource']) {
    const all = Object.values(groups ?? {});
    const targets = all.reduce((sum, group) => sum + group.targets, 0);
    return { targets, loss: all.reduce((sum, group) => sum + group.loss * group.targets, 0) / targets };
  }

  it('make up the loss of the step, and of the held-out rows', async () => {
    const { steps, evaluations } = await stepsOf({});
    for (const event of steps) {
      expect(Object.keys(event.bySource ?? {})).to.have.members(['reasons', 'plain']);
      expect(Object.keys(event.byLanguage ?? {})).to.have.members(['en', 'zh']);
      for (const groups of [event.bySource, event.byLanguage])
        expect(summed(groups).loss).to.be.closeTo(event.loss, 1e-5);
      // What follows the rationale, and the rationale, are all of the source that reasons.
      expect(Object.keys(event.byPart ?? {})).to.have.members(['rationale', 'answer']);
      const reasons = event.bySource?.reasons;
      expect(summed(event.byPart).targets).to.equal(reasons?.targets);
      expect(summed(event.byPart).loss).to.be.closeTo(reasons?.loss ?? 0, 1e-5);
    }
    expect(evaluations).to.have.lengthOf(2);
    for (const event of evaluations as (GroupLosses & { evalLoss: number })[])
      expect(summed(event.bySource).loss).to.be.closeTo(event.evalLoss, 1e-5);
  });

  it('are those of all steps since the last event, whatever the micro-batches', async () => {
    const one = (await stepsOf({ logEvery: 2 })).steps;
    const other = (await stepsOf({ logEvery: 2, perDeviceBatchSize: 6, gradientAccumulationSteps: 1 })).steps;
    expect(one).to.have.lengthOf(1);
    expect(one[0].bySource?.reasons.targets).to.equal(other[0].bySource?.reasons.targets);
    expect(one[0].bySource?.reasons.loss).to.be.closeTo(other[0].bySource?.reasons.loss ?? 0, 1e-4);
  });
});
