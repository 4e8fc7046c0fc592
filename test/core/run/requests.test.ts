import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { HookContext } from '../../../core/contracts/context.js';
import { GENERATE_DEFAULTS, generate } from '../../../core/generation/generate.js';
import { definePlugin, type Plugin, type TrainerView } from '../../../core/plugins/plugin.js';
import { expectError } from '../../support/errors.js';
import { TemporaryFolder } from '../../support/files.js';
import {
  composeTestRun,
  EIGHT_ROWS,
  readJson,
  readMetrics,
  readSteps,
  withRunPlace,
} from '../../support/runs.js';

const plugin = (apply: (trainer: TrainerView) => void): Plugin =>
  definePlugin({ name: 'mine', apiVersion: 2, apply }) as Plugin;

describe('what a plugin asks of a run', () => {
  let data: string;
  let output: string;
  withRunPlace((place) => {
    ({ data, output } = place);
  });

  const compose = (apply: (trainer: TrainerView) => void, values: object = {}) =>
    composeTestRun({ output, data, validationSize: 2, ...values }, [plugin(apply)]);

  it('to stop: the step at hand is the last, evaluated and saved, and the status says so', async () => {
    const run = await compose(
      (trainer) => {
        trainer.hooks.step.tap(({ step }) => {
          if (step === 2) trainer.stop('enough');
          if (step === 2) trainer.stop('twice');
        });
      },
      { train: { maxSteps: 9 } },
    );
    const result = await run.trainer.run();
    expect(result).to.include({ status: 'stopped', stopReason: 'enough', steps: 2 });
    expect(result).to.not.have.property('error');
    expect(readJson(output, 'run.json')).to.include({ status: 'stopped', stopReason: 'enough' });
    expect(readMetrics(output).map(({ type, step }) => `${type} ${step}`)).to.deep.equal([
      'eval 0',
      'step 1',
      'step 2',
      'eval 2',
    ]);
    expect(run.events.filter(({ type }) => type === 'save')).to.have.length(1);
  });

  it('to stop from within an evaluation: no step goes untold', async () => {
    const run = await compose(
      (trainer) => {
        trainer.hooks.evaluate.tap(() => trainer.stop('no better'));
      },
      { train: { maxSteps: 9, evalEvery: 3, logEvery: 2 } },
    );
    expect(await run.trainer.run()).to.include({ status: 'stopped', steps: 3 });
    expect(readSteps(output).map(({ step }) => step)).to.deep.equal([2, 3]);
    expect(run.events.filter(({ type }) => type === 'save')).to.have.length(1);
  });

  it('to stop while it is saved: what was learned is told and evaluated all the same', async () => {
    const run = await compose(
      (trainer) => {
        trainer.hooks.log.tap(({ type }) => {
          if (type === 'save') trainer.stop('saved once');
        });
      },
      { train: { maxSteps: 9, evalEvery: 9, logEvery: 9, saveEvery: 2 } },
    );
    const result = await run.trainer.run();
    expect(result).to.include({ status: 'stopped', steps: 2 });
    expect(result.evalLoss).to.be.a('number');
    expect(readSteps(output).map(({ step }) => step)).to.deep.equal([2]);
  });

  it('to stop before anything is trained', async () => {
    const run = await compose((trainer) => trainer.stop('dry run'));
    expect(await run.trainer.run()).to.include({ status: 'stopped', steps: 0 });
  });

  it('to save and to evaluate where neither is due', async () => {
    const run = await compose(
      (trainer) => {
        trainer.hooks.step.tap(({ step }) => {
          if (step === 2) trainer.requestSave();
          if (step === 3) trainer.requestEvaluate();
        });
      },
      { train: { maxSteps: 5 } },
    );
    await run.trainer.run();
    const told = run.events.flatMap((event) =>
      event.type === 'save' || event.type === 'eval' ? [`${event.type} ${event.step}`] : [],
    );
    expect(told).to.deep.equal(['eval 0', 'save 2', 'eval 3', 'eval 5', 'save 5']);
  });
});

describe('a save that a plugin wants kept', () => {
  let data: string;
  let output: string;
  withRunPlace((place) => {
    ({ data, output } = place);
  });

  for (const [end, status] of [
    ['its last step', 'completed'],
    ['an interruption', 'interrupted'],
    ['a failure', 'failed'],
  ] as const) {
    it(`is replaced by those alone that plugins ask for, also where the run ends by ${end}`, async () => {
      const interruption = new AbortController();
      const keeping = plugin((trainer) => {
        trainer.hooks.step.tap(({ step }) => {
          if (step === 2 || step === 4) trainer.requestSave({ keep: step === 2 });
          if (step === 6 && status === 'interrupted') interruption.abort();
          if (step === 6 && status === 'failed') throw new Error('no more');
        });
      });
      const train = { maxSteps: 7, saveEvery: 1 };
      const run = await composeTestRun({ output, data, train }, [keeping], interruption.signal);
      const failure: { advice?: string } | undefined = await run.trainer.run().then(
        () => undefined,
        (error) => error,
      );
      if (status === 'interrupted') expect(failure?.advice).to.include('The adapter of step 4 is in');
      const saves = run.events.flatMap((event) => (event.type === 'save' ? [event.step] : []));
      expect(saves).to.deep.equal([1, 2, 4]);
      expect(readJson(output, 'run.json')).to.include({
        status,
        steps: status === 'completed' ? 7 : 6,
        savedStep: 4,
      });
    });
  }
});

describe('the context of hooks', () => {
  it('has the encoder, with which a plugin has the model answer anywhere', async () => {
    const folder = new TemporaryFolder();
    try {
      const answers: string[] = [];
      const asking = plugin(({ hooks }) => {
        hooks.step.tap(async (_, { model, encoder, signal }) => {
          const prompt = { instruction: 'Name a fruit.', input: '' };
          const options = { ...GENERATE_DEFAULTS, maxNewTokens: 2 };
          answers.push((await generate(model, encoder, prompt, options, undefined, { signal })).text);
        });
      });
      const data = folder.write('rows.json', EIGHT_ROWS);
      const values = { output: folder.join('run'), data, train: { maxSteps: 1 } };
      await (await composeTestRun(values, [asking])).trainer.run();
      expect(answers).to.have.length(1);
      expect(answers[0]).to.not.equal('');
    } finally {
      folder.remove();
    }
  });

  it('follows the run, cannot be changed, and has no model before there is one', async () => {
    const folder = new TemporaryFolder();
    try {
      const seen: string[] = [];
      let context: HookContext | undefined;
      const note = (name: string, { step, epoch, training, pass }: HookContext) => {
        seen.push(`${name} ${step} ${epoch} ${training} ${pass === undefined ? 'no pass' : pass.training}`);
      };
      const watching = plugin(({ hooks }) => {
        hooks.loadData.tap(
          (_, given) => {
            context = given;
            note('loadData', given);
          },
          { stage: -1 },
        );
        hooks.loss.tap((loss, _, given) => {
          expect(given).to.equal(context);
          note('loss', given);
          return loss;
        });
        hooks.gradients.tap((_, given) => note('gradients', given));
        hooks.step.tap((_, given) => note('step', given));
        hooks.evaluate.tap((_, __, given) => note('evaluate', given));
      });
      const data = folder.write('rows.json', EIGHT_ROWS);
      const train = { maxSteps: 1, perDeviceBatchSize: 3, gradientAccumulationSteps: 1 };
      const run = await composeTestRun({ output: folder.join('run'), data, validationSize: 2, train }, [
        watching,
      ]);
      await run.trainer.run();
      expect(seen).to.deep.equal([
        'loadData 0 0 false no pass',
        'loss 0 0 false false',
        'loss 0 0 true true',
        'gradients 0 0 true no pass',
        'step 1 0.5 false no pass',
        'loss 1 0.5 false false',
        'evaluate 1 0.5 false no pass',
      ]);
      expect(() => Object.assign(context as object, { step: 7 })).to.throw(TypeError);
      expect(context?.model.backbone).to.equal('llama');
      const early = plugin(({ hooks }) => {
        hooks.loadData.tap((_, { model }) => void model);
      });
      const other = await composeTestRun({ output: folder.join('other'), data, plugins: [] }, [early]);
      // The format that knows the file answers first, so it is asked of one that nobody knows.
      await expectError(
        () => other.hooks.loadData.promise({ name: 'x', format: 'x', index: 0 }),
        'PLUGIN_FAILED',
        'before the model was assembled',
      );
    } finally {
      folder.remove();
    }
  });
});

describe('what a tap of gradients returns', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  const runWith = async (tap: Parameters<TrainerView['hooks']['gradients']['tap']>[0]) => {
    const data = folder.write('rows.json', EIGHT_ROWS);
    const values = { output: folder.join('run'), data, train: { maxSteps: 2 } };
    const run = await composeTestRun(values, [plugin(({ hooks }) => hooks.gradients.tap(tap))]);
    return run.trainer.run();
  };

  it('may replace some, whose tensors are freed for it', async () => {
    const before = tf.memory().numTensors;
    await runWith((gradients) => {
      const [[name, gradient], ...others] = gradients;
      return new Map([[name, tf.mul(gradient, 0.5)], ...others]);
    });
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('may be nothing, where it changed the map that it got', async () => {
    const before = tf.memory().numTensors;
    await runWith((gradients) => {
      const map = gradients as Map<string, tf.Tensor>;
      for (const [name, gradient] of gradients) map.set(name, tf.mul(gradient, 0.5));
    });
    expect(tf.memory().numTensors).to.equal(before);
    await expectError(
      () => runWith((gradients) => (gradients as Map<string, tf.Tensor>).clear()),
      'PLUGIN_FAILED',
      'is missing',
    );
  });

  it('may be nothing', async () => {
    expect((await runWith(() => {})).steps).to.equal(2);
  });

  for (const [fault, make, text] of [
    ['no map', () => ({}), 'expected a Map'],
    ['one missing', (all: [string, tf.Tensor][]) => new Map(all.slice(1)), 'is missing'],
    [
      'one too many',
      (all: [string, tf.Tensor][]) => new Map([...all, ['other', all[0][1]]]),
      'no trainable parameter "other"',
    ],
    [
      'another shape',
      (all: [string, tf.Tensor][]) => new Map(all.map(([name]) => [name, tf.keep(tf.scalar(1))])),
      'but must be',
    ],
    [
      'a variable',
      (all: [string, tf.Tensor][]) => new Map(all.map(([name, one]) => [name, tf.variable(one)])),
      'is a variable',
    ],
    [
      'whole numbers',
      (all: [string, tf.Tensor][]) => new Map(all.map(([name, one]) => [name, tf.cast(one, 'int32')])),
      'must be float32',
    ],
    [
      'a freed tensor',
      (all: [string, tf.Tensor][]) => {
        all[0][1].dispose();
        return new Map(all);
      },
      'has been disposed',
    ],
  ] as const) {
    it(`is refused where it is ${fault}, with the plugin's name`, async () => {
      const made: tf.Tensor[] = [];
      await expectError(
        () =>
          runWith((gradients) => {
            const returned = make([...gradients]);
            if (returned instanceof Map) made.push(...(returned.values() as Iterable<tf.Tensor>));
            return returned as never;
          }),
        'PLUGIN_FAILED',
        '"mine"',
        text,
      );
      tf.dispose(made);
    });
  }
});

describe('what a tap of loss does', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  for (const [fault, tap, code, text] of [
    ['frees the loss that it got', (loss: tf.Scalar) => loss.dispose(), 'PLUGIN_FAILED', '"mine"'],
    ['gives a loss of another model', () => tf.scalar(1), 'NO_GRADIENT', 'trainable parameter'],
  ] as const) {
    it(`is refused where it ${fault}`, async () => {
      const data = folder.write('rows.json', EIGHT_ROWS);
      const values = { output: folder.join('run'), data, train: { maxSteps: 2 } };
      const run = await composeTestRun(values, [plugin(({ hooks }) => hooks.loss.tap(tap as never))]);
      await expectError(() => run.trainer.run(), code, text);
    });
  }
});
