import { expect } from 'chai';
import { EvolveError } from '../../../core/base/errors.js';
import type { LanguageModel } from '../../../core/contracts/backbone.js';
import type { DataSource, Example } from '../../../core/contracts/dataset.js';
import type { LogEvent } from '../../../core/contracts/tracker.js';
import { createHooks, type HookName, type Hooks } from '../../../core/plugins/hooks.js';
import { viewFor } from '../../../core/plugins/hooks-view.js';
import { RunContext } from '../../../core/run/context.js';
import { collect, expectError } from '../../support/errors.js';
import { modelWith } from '../../support/parts.js';

const EVENT: LogEvent = { type: 'notice', message: 'hello' };
const SOURCE: DataSource = { name: 'mine', format: 'mine', index: 0 };
const NAMES = Object.keys(createHooks()) as HookName[];

/** Models and examples that can be told apart, and nothing more. */
const model = (name: string) => modelWith({ backbone: name }) as LanguageModel;
async function* examples(): AsyncIterable<Example> {}
const EXAMPLE: Example = { kind: 'text', text: 'hello' };

/** Hooks, and views of them by plugin name. */
function setUp() {
  const hooks = createHooks();
  let sealed = false;
  return {
    hooks,
    viewOf: (plugin: string) => viewFor(hooks, plugin, () => sealed, new RunContext().view()),
    seal: () => {
      sealed = true;
    },
  };
}

describe('createHooks', () => {
  it('freezes the hooks', () => {
    const hooks = createHooks() as { -readonly [N in HookName]: Hooks[N] };
    expect(() => {
      hooks.log = createHooks().log;
    }).to.throw(TypeError);
  });

  for (const name of NAMES) {
    it(`names ${name} and its arguments`, () => {
      const hook = createHooks()[name] as unknown as { name: string; _args: string[] };
      expect(hook.name).to.equal(name);
      // tapable has no public way to ask for the names; its own error messages and inspectors use these.
      // Which processes train together is asked of nobody in particular.
      if (name !== 'openWorld') expect(hook._args).to.not.be.empty;
      for (const argument of hook._args) expect(argument).to.match(/^[a-z][A-Za-z]+$/);
    });
  }

  it('makes new hooks each time', () => {
    const { hooks, viewOf } = setUp();
    viewOf('mine').log.tap(() => {});
    expect(hooks.log.isUsed()).to.equal(true);
    expect(createHooks().log.isUsed()).to.equal(false);
  });
});

describe('viewFor', () => {
  it('shows every hook to be tapped, none to be called, and is frozen', () => {
    const { viewOf } = setUp();
    const view = viewOf('mine');
    expect(Object.isFrozen(view)).to.equal(true);
    expect(Object.keys(view)).to.have.members(NAMES);
    for (const hook of Object.values(view)) {
      expect(Object.keys(hook)).to.deep.equal(['tap']);
      for (const forbidden of ['call', 'callAsync', 'promise', 'intercept', 'taps']) {
        expect(forbidden in hook, forbidden).to.equal(false);
      }
      expect(Object.isFrozen(hook)).to.equal(true);
    }
  });

  it('taps under the name of the plugin', () => {
    const { hooks, viewOf } = setUp();
    viewOf('mine').loadData.tap(() => undefined);
    viewOf('mine').log.tap(() => {});
    expect(hooks.loadData.taps.map((tap) => tap.name)).to.deep.equal(['mine']);
    expect(hooks.log.taps.map((tap) => tap.name)).to.deep.equal(['mine']);
  });

  it('refuses a tap once the hooks are sealed', async () => {
    const { hooks, viewOf, seal } = setUp();
    const view = viewOf('late');
    view.log.tap(() => {});
    seal();
    await expectError(() => view.step.tap(() => {}), 'PLUGIN_INVALID', '"late"', '"step"', 'apply()');
    expect(hooks.step.isUsed()).to.equal(false);
  });
});

describe('what is passed to tap', () => {
  const tap = (hook: HookName, ...args: unknown[]) => {
    const view = setUp().viewOf('mine') as unknown as Record<string, { tap(...args: unknown[]): void }>;
    return () => view[hook].tap(...args);
  };

  it('is a function, and perhaps stage and before; all else is refused', async () => {
    const refused = (action: () => void, ...texts: string[]) =>
      expectError(action, 'PLUGIN_INVALID', 'plugin "mine" taps the hook "step"', 'tap(fn', ...texts);
    await refused(
      tap('step', 'mine', () => {}),
      '"mine" in the place of the function',
    );
    await refused(tap('step'), 'undefined in the place of the function');
    await refused(
      tap('step', () => {}, 3),
      '3 in the place of { stage, before }',
    );
    await refused(
      tap('step', () => {}, { stages: 3 }),
      'unknown option "stages"',
    );
    await refused(
      tap('step', () => {}, { stage: '3' }),
      'stage: "3"',
    );
  });

  it('goes to a hook that there is: a slip is told with the nearest', async () => {
    const view = setUp().viewOf('mine') as unknown as Record<string, { tap(fn: () => void): void }>;
    await expectError(
      () => view.stpe.tap(() => {}),
      'PLUGIN_INVALID',
      'plugin "mine" taps the hook "stpe", which there is not (did you mean "step"?)',
      'The hooks are: openWorld',
    );
    expect('stpe' in view).to.equal(false);
  });
});

describe('a tapped hook', () => {
  it('runs taps by stage, then by order, or before a named one', () => {
    const { hooks, viewOf } = setUp();
    const seen: string[] = [];
    const tap = (plugin: string, options?: { stage?: number; before?: string }) =>
      viewOf(plugin).log.tap(() => void seen.push(plugin), options);
    tap('late', { stage: 10 });
    tap('first');
    tap('second');
    tap('early', { stage: -10 });
    tap('between', { before: 'second' });
    hooks.log.call(EVENT);
    expect(seen).to.deep.equal(['early', 'first', 'between', 'second', 'late']);
  });

  it('runs asynchronous taps one after the other', async () => {
    const { hooks, viewOf } = setUp();
    const seen: string[] = [];
    for (const plugin of ['a', 'b']) {
      viewOf(plugin).save.tap(async () => {
        seen.push(`${plugin} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(`${plugin} ends`);
      });
    }
    await hooks.save.promise({ folder: '', model: model('m'), step: 1, writeTensors: async () => {} });
    expect(seen).to.deep.equal(['a begins', 'a ends', 'b begins', 'b ends']);
  });

  it('takes the first answer other than undefined, and asks no further', async () => {
    const { hooks, viewOf } = setUp();
    const answer = [EXAMPLE] as unknown as AsyncIterable<Example>;
    const asked: string[] = [];
    const never = () => {
      asked.push('never');
      return examples();
    };
    viewOf('never').loadData.tap(never, { stage: 1 });
    viewOf('no').loadData.tap((source) => void asked.push(`no ${source.name}`));
    viewOf('yes').loadData.tap(async (source) => {
      asked.push(`yes ${source.name}`);
      return answer;
    });
    expect(await collect((await hooks.loadData.promise(SOURCE)) ?? examples())).to.deep.equal([EXAMPLE]);
    expect(asked).to.deep.equal(['no mine', 'yes mine']);
  });

  it('answers undefined where no tap knows', async () => {
    const { hooks, viewOf } = setUp();
    viewOf('no').loadData.tap(async () => undefined);
    expect(await hooks.loadData.promise(SOURCE)).to.equal(undefined);
  });

  it('passes on what each tap made, and keeps it where one makes nothing', async () => {
    const { hooks, viewOf } = setUp();
    viewOf('one').quantize.tap((given) => model(`${given.backbone}+one`));
    viewOf('nothing').quantize.tap(() => {});
    viewOf('two').quantize.tap(async (given) => model(`${given.backbone}+two`));
    expect((await hooks.quantize.promise(model('m'))).backbone).to.equal('m+one+two');
  });
});

describe('a failing tap', () => {
  const cause = new TypeError('boom');
  const fail = () => {
    throw cause;
  };

  it('is reported with plugin and hook, its cause kept: thrown in a synchronous hook', async () => {
    const { hooks, viewOf } = setUp();
    viewOf('bad').log.tap(fail);
    const error = await expectError(() => hooks.log.call(EVENT), 'PLUGIN_FAILED', '"bad"', '"log"', 'boom');
    expect(error.cause).to.equal(cause);
  });

  it('is reported with plugin and hook, its cause kept: thrown in an asynchronous hook', async () => {
    const { hooks, viewOf } = setUp();
    viewOf('bad').loadData.tap(fail);
    const run = () => hooks.loadData.promise(SOURCE);
    const error = await expectError(run, 'PLUGIN_FAILED', '"bad"', '"loadData"', 'boom');
    expect(error.cause).to.equal(cause);
  });

  it('is reported with plugin and hook, its cause kept: a rejected promise', async () => {
    const { hooks, viewOf } = setUp();
    viewOf('good').quantize.tap((given) => given);
    viewOf('bad').quantize.tap(async () => fail());
    const run = () => hooks.quantize.promise(model('m'));
    const error = await expectError(run, 'PLUGIN_FAILED', '"bad"', '"quantize"', 'boom');
    expect(error.cause).to.equal(cause);
  });

  it('passes its own EvolveError through unchanged', async () => {
    const { hooks, viewOf } = setUp();
    const own = new EvolveError('DATA_RECORD', 'record 3 is empty', 'Remove it.');
    viewOf('strict').loadData.tap(() => {
      throw own;
    });
    viewOf('strict').log.tap(() => {
      throw own;
    });
    expect(await expectError(() => hooks.loadData.promise(SOURCE), 'DATA_RECORD')).to.equal(own);
    expect(await expectError(() => hooks.log.call(EVENT), 'DATA_RECORD')).to.equal(own);
  });

  it('is one that returns a promise to a synchronous hook, whether or not the promise fails', async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown) => void unhandled.push(reason);
    process.on('unhandledRejection', listener);
    for (const late of [async () => {}, async () => fail()]) {
      const { hooks, viewOf } = setUp();
      // The types forbid it; a plugin in JavaScript has none.
      viewOf('async').log.tap(late as unknown as () => undefined);
      await expectError(() => hooks.log.call(EVENT), 'PLUGIN_FAILED', '"async"', '"log"', 'synchronous');
    }
    // Node tells of rejections once the microtasks are done.
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', listener);
    expect(unhandled, 'rejections that nobody handled').to.deep.equal([]);
  });
});
