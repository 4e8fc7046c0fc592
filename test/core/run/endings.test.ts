import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { EvolveError } from '../../../core/base/errors.js';
import type { HookContext } from '../../../core/contracts/context.js';
import { definePlugin, type Plugin, type TrainerView } from '../../../core/plugins/plugin.js';
import { expectError } from '../../support/errors.js';
import { composeTestRun, readJson, withRunPlace } from '../../support/runs.js';

const plugin = (name: string, apply: (trainer: TrainerView) => void): Plugin =>
  definePlugin({ name, apiVersion: 2, apply }) as Plugin;

/** An error as the system makes it. */
const noSpace = () => Object.assign(new Error('ENOSPC: no space left on device'), { errno: -28 });

describe('what plugins do to the end of a run', () => {
  let data: string;
  let output: string;
  withRunPlace((place) => {
    ({ data, output } = place);
  });

  const compose = (...plugins: Plugin[]) => composeTestRun({ output, data, train: { maxSteps: 3 } }, plugins);

  it('all are told of it, whatever one of them throws', async () => {
    const told: string[] = [];
    const run = await compose(
      plugin('first', ({ hooks }) => {
        hooks.done.tap(() => {
          told.push('first');
          throw new Error('no network');
        });
      }),
      plugin('second', ({ hooks }) => {
        hooks.done.tap(({ status }) => {
          told.push(`second ${status}`);
        });
      }),
    );
    await expectError(() => run.trainer.run(), 'PLUGIN_FAILED', 'no network', '"first"');
    expect(told).to.deep.equal(['first', 'second completed']);
    const { error, ...record } = readJson(output, 'run.json');
    expect(record).to.include({ status: 'failed', steps: 3, savedStep: 3 });
    expect(error).to.deep.equal({
      code: 'PLUGIN_FAILED',
      message: 'plugin "first" failed in the hook "done": no network',
    });
  });

  it('a tracker whose disk is full ends no training; it is told once', async () => {
    let calls = 0;
    const full = plugin('full', ({ hooks }) => {
      hooks.log.tap(({ type }) => {
        if (type !== 'step') return;
        calls++;
        throw noSpace();
      });
    });
    const run = await compose(full);
    expect(await run.trainer.run()).to.include({ status: 'completed', steps: 3 });
    expect(calls).to.equal(3);
    const notices = run.events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));
    expect(notices.filter((message) => message.includes('plugin'))).to.deep.equal([
      'the plugin "full" cannot write, and the run goes on without: ENOSPC: no space left on device',
    ]);
  });

  it('a tracker with a fault of its own ends it', async () => {
    const faulty = plugin('faulty', ({ hooks }) => {
      hooks.log.tap(() => {
        throw new TypeError('x is no function');
      });
    });
    await expectError(async () => (await compose(faulty)).trainer.run(), 'PLUGIN_FAILED', 'x is no function');
  });

  for (const hook of ['loss', 'gradients', 'step', 'evaluate', 'save'] as const) {
    it(`a tap of ${hook} that disposes what is trained is named`, async () => {
      const disposing = plugin('disposing', ({ hooks }) => {
        const dispose = (...args: unknown[]): undefined => {
          const { model, step, training } = args[args.length - 1] as HookContext;
          if (step === (training ? 1 : 2))
            for (const variable of model.trainable.values()) variable.dispose();
        };
        hooks[hook].tap(dispose);
      });
      const train = { maxSteps: 3, saveEvery: 1, evalEvery: 2 };
      const run = await composeTestRun({ output, data, validationSize: 2, train }, [disposing]);
      await expectError(
        () => run.trainer.run(),
        'PLUGIN_FAILED',
        `plugin "disposing" failed in the hook "${hook}": it disposed the trained variable base_model.model`,
      );
      // The adapter of the save before stays.
      expect(readJson(output, 'run.json')).to.include({ status: 'failed', savedStep: 1 });
      expect(existsSync(`${output}/adapter/adapter_model.safetensors`)).to.equal(true);
    });
  }

  it('a tracker that disposes what is trained is told of, too', async () => {
    const disposing = plugin('disposing', ({ hooks }) => {
      hooks.log.tap(({ type }, context) => {
        if (type === 'step') for (const variable of context.model.trainable.values()) variable.dispose();
      });
    });
    const run = await compose(disposing);
    const message = 'plugin "disposing" failed in the hook "log": it disposed the trained variable';
    await expectError(() => run.trainer.run(), 'PLUGIN_FAILED', message);
  });

  it('an error with a code of their own is a failure', async () => {
    const own = plugin('own', ({ hooks }) => {
      hooks.step.tap(() => {
        throw new EvolveError('MY_CODE' as never, 'mine');
      });
    });
    const run = await compose(own);
    const error = await run.trainer.run().catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(EvolveError).with.property('exitStatus', 1);
    expect(readJson(output, 'run.json').error).to.deep.equal({ code: 'MY_CODE', message: 'mine' });
  });

  it('what they say in apply is told, also to those that come later', async () => {
    const told: string[] = [];
    await compose(
      plugin('early', (trainer) => trainer.notice('hello')),
      plugin('listener', ({ hooks }) => {
        hooks.log.tap((event) => {
          if (event.type === 'notice') told.push(event.message);
        });
      }),
    );
    expect(told).to.deep.equal(['hello']);
  });
});
