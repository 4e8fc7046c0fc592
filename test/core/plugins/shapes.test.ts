import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { Pass } from '../../../core/contracts/pass.js';
import { createHooks, type HookName } from '../../../core/plugins/hooks.js';
import { viewFor } from '../../../core/plugins/hooks-view.js';
import { RunContext } from '../../../core/run/context.js';
import { collect, expectError } from '../../support/errors.js';
import { modelWith, WEIGHT } from '../../support/parts.js';

const nothing = () => {};

/** `make`, whose tensors are freed behind each test. */
const made: tf.Tensor[] = [];
const own =
  <A extends unknown[], T extends tf.Tensor>(make: (...args: A) => T) =>
  (...args: A): T => {
    const tensor = make(...args);
    made.push(tensor);
    return tensor;
  };

const PASS: Pass = { training: false, seed: 0, checkpointing: false };

/** What the hook yields where the plugin "bad" answers it with `value`. */
// biome-ignore lint/suspicious/noExplicitAny: what is tested are values of the wrong type.
async function answer(hook: HookName, value: unknown): Promise<any> {
  const hooks = createHooks();
  const view = viewFor(hooks, 'bad', () => false, new RunContext().view());
  (view[hook].tap as (fn: () => unknown) => void)(() => value);
  const called = hooks[hook] as unknown as Record<'call' | 'promise', (...args: unknown[]) => unknown>;
  return hook === 'loss' ? called.call({}, {}) : called.promise({}, {});
}

const refused = (hook: HookName, value: unknown, ...texts: string[]) =>
  expectError(
    () => answer(hook, value),
    'PLUGIN_FAILED',
    `plugin "bad" failed in the hook "${hook}"`,
    ...texts,
  );

const OPTIMIZER = { update: nothing, state: nothing, restore: nothing, dispose: nothing };

describe('what a plugin hands over', () => {
  afterEach(() => tf.dispose(made.splice(0)));

  const ANSWERING: readonly HookName[] = [
    ...(['openWorld', 'loadData', 'openDevice', 'locateModel', 'locateData'] as const),
    ...([
      'makeTemplate',
      'loadEncoder',
      'loadModel',
      'openCheckpoint',
      'quantize',
      'injectAdapters',
      'makeObjective',
    ] as const),
    ...(['makeOptimizer', 'makeSchedule', 'loss', 'evaluate', 'writeCheckpoint'] as const),
  ];
  for (const hook of ANSWERING) {
    it(`is refused where it is null, a number, a text or an empty object: ${hook}`, async () => {
      await refused(hook, null, 'but got null');
      await refused(hook, 5, 'but got 5');
      await refused(hook, 'rubbish', 'but got "rubbish"');
      await refused(hook, {}, 'expected');
    });
  }

  it('is told with the part that is wrong', async () => {
    await refused(
      'loadModel',
      modelWith({ logits: 3 }),
      'of a language model, logits: expected a function, but got 3',
    );
    const weight = { ...WEIGHT, shape: [1] };
    const linears = [{ name: 'a', weight, forward: nothing, crossEntropy: nothing }];
    await refused('quantize', modelWith({ linears }), 'item 0', 'expected [rows, columns], but got [1]');
    const adapted = [{ name: 'a', weight: WEIGHT, forward: nothing, crossEntropy: nothing, adapter: {} }];
    await refused(
      'injectAdapters',
      modelWith({ linears: adapted }),
      'an adapter, forward: expected a function',
    );
    const trainable = new Map([['a', own(tf.scalar)(1)]]);
    await refused(
      'injectAdapters',
      modelWith({ trainable }),
      '"a": expected a tf.Variable, but got a Tensor',
    );
    await refused('makeOptimizer', { ...OPTIMIZER, update: 1 }, 'an optimizer, update: expected a function');
    await refused('evaluate', { bleu: 1 }, 'evalLoss', 'pass on');
    await refused(
      'evaluate',
      { evalLoss: 1, bleu: 'good' },
      'bleu: expected a finite number, but got "good"',
    );
    await refused('evaluate', { evalLoss: Number.NaN }, 'evalLoss: expected a finite number, but got NaN');
    await refused('evaluate', { evalLoss: 1, step: 99 }, 'step: this name is taken');
    await refused('loss', own(tf.tensor1d)([1, 2]), 'expected a scalar tensor, but got one of shape [2]');
    const tensors = new Map([['w', { type: 'f32', shape: '1' }]]);
    const checkpoint = { path: '', tensors, read: nothing, close: nothing };
    await refused('openCheckpoint', checkpoint, '"w"', 'shape: expected a list', '"1"');
  });

  it('is passed on where it is whole', async () => {
    expect((await answer('loadModel', modelWith())).backbone).to.equal('none');
    expect(await answer('evaluate', { evalLoss: 1, bleu: 2 })).to.deep.equal({ evalLoss: 1, bleu: 2 });
    expect(await answer('writeCheckpoint', true)).to.equal(true);
  });

  it('is an iterable of examples: what is none, and a throw, name plugin, hook and example', async () => {
    const good = { kind: 'text', text: 'hello' };
    const read = async (value: unknown) => collect(await answer('loadData', value));
    expect(await read([good])).to.deep.equal([good]);
    const faulty = (value: unknown, ...texts: string[]) =>
      expectError(() => read(value), 'PLUGIN_FAILED', 'plugin "bad" failed in the hook "loadData"', ...texts);
    await faulty([good, null], 'example 2: expected an example, but got null');
    const instruction = { kind: 'instruction', instruction: 'a', input: '', output: 5 };
    await faulty([instruction], 'of an instruction, output: expected a text, but got 5');
    await faulty([{ kind: 'poem' }], 'example 1', 'kind: expected one of instruction', 'but got "poem"');
    const turns = [{ role: 'robot', content: '', trained: true }];
    await faulty([{ kind: 'turns', turns }], 'turns: item 0', 'role', '"robot"');
    await faulty(
      (async function* () {
        yield good;
        throw new Error('the disk is gone');
      })(),
      'the disk is gone',
    );
  });
});

describe('what a plugin handed over, when it is used', () => {
  afterEach(() => tf.dispose(made.splice(0)));

  const failing = (action: () => unknown, hook: HookName, ...texts: string[]) =>
    expectError(action, 'PLUGIN_FAILED', `plugin "bad" failed in the hook "${hook}", in `, ...texts);
  const fail = () => {
    throw new Error('boom');
  };

  it('names the plugin, the hook and the method where it throws or rejects', async () => {
    const optimizer = await answer('makeOptimizer', { ...OPTIMIZER, update: fail });
    await failing(() => optimizer.update(), 'makeOptimizer', 'update() of what it gave: boom');
    const world = { rank: 0, size: 1, sum: async () => fail(), broadcast: nothing, barrier: nothing };
    const opened = await answer('openWorld', world);
    await failing(() => opened.sum(), 'openWorld', 'sum() of what it gave: boom');
  });

  it('is refused where a method returns something of another shape', async () => {
    const schedule = await answer('makeSchedule', { learningRateAt: () => 'fast' });
    await failing(
      () => schedule.learningRateAt(0),
      'makeSchedule',
      'expected a finite number, at least 0, but got "fast"',
    );
    const objective = await answer('makeObjective', { loss: () => 1 });
    await failing(() => objective.loss(), 'makeObjective', 'expected a scalar tensor, but got 1');
    const later = await answer('makeObjective', { loss: async () => fail() });
    await failing(() => later.loss(), 'makeObjective', 'expected a scalar tensor, but got a Promise');
    const silent = await answer('makeTemplate', { name: 'a', exchanges: () => [] });
    await failing(() => silent.exchanges(), 'makeTemplate', 'expected at least one exchange');
    const template = await answer('makeTemplate', { name: 'a', exchanges: () => [{ prompt: 'a' }] });
    await failing(() => template.exchanges({}), 'makeTemplate', 'answer: expected a text');
  });

  it('tells of an adapter in a layer under the name of its own plugin', async () => {
    const site = { name: 'a', weight: WEIGHT, forward: nothing, crossEntropy: nothing };
    const model = await answer(
      'injectAdapters',
      modelWith({ linears: [{ ...site, adapter: { forward: fail } }] }),
    );
    await failing(
      () => model.linears[0].adapter.forward(),
      'injectAdapters',
      'forward() of what it gave: boom',
    );
  });

  it('keeps its private fields, what is set on it, and its class', async () => {
    class Own {
      #secret = 1;
      path = '';
      loss() {
        return own(tf.scalar)(this.#secret);
      }
    }
    const given = new Own();
    const objective = await answer('makeObjective', given);
    expect(objective.loss({}, {}, PASS).dataSync()[0]).to.equal(1);
    objective.path = 'new';
    expect(given.path).to.equal('new');
    expect(objective).to.be.instanceOf(Own);
    const frozen = await answer('makeObjective', Object.freeze({ loss: () => own(tf.scalar)(2) }));
    expect(frozen.loss().dataSync()[0]).to.equal(2);
  });
});
