import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { begin } from '../../support/processes.js';
import { EIGHT_ROWS, readJson, readSteps } from '../../support/runs.js';
import { skip } from '../../support/skip.js';

const TRAIN = 'warmupSteps: 0, perDeviceBatchSize: 1, gradientAccumulationSteps: 1';
/** A step has a row for each of two processes. */
const FOR_TWO = TRAIN.replace('gradientAccumulationSteps: 1', 'gradientAccumulationSteps: 2');

/** What ends a command before its time. Everything is done to processes of their own. */
describe('interruption', () => {
  let folder: TemporaryFolder;
  let output: string;
  beforeEach(() => {
    folder = new TemporaryFolder();
    folder.write('rows.json', EIGHT_ROWS);
    output = folder.join('runs', 'my');
  });
  afterEach(() => folder.remove());

  const configure = (steps: number, more = '', model = fixture('llama'), train = TRAIN) =>
    folder.write(
      'my.yaml',
      `model: { path: ${model} }
data: { sources: [{ path: rows.json, format: alpaca }], cutoffLength: 256, validationSize: 2 }
train: { maxSteps: ${steps}, ${train} }
${more}`,
    );

  function expectKept(status: string, steps = readSteps(output).length): void {
    expect(steps).to.be.above(0);
    expect(readJson(output, 'run.json')).to.include({ status, steps });
    expect(readdirSync(path.join(output, 'adapter')).sort()).to.deep.equal([
      'adapter_config.json',
      'adapter_model.safetensors',
    ]);
    expect(existsSync(path.join(output, 'run.lock')), 'the lock').to.equal(false);
  }

  it('a reader of standard output that goes away ends a run as Ctrl-C does', async () => {
    configure(5000);
    const run = begin(['run', 'my.yaml', '--json'], { cwd: folder.path });
    await run.until('"step":3');
    run.child.stdout.destroy();
    const { status, stderr } = await run.end();
    expect(stderr).to.match(/^evolve: interrupted after \d+ steps\n/);
    expect(stderr).to.include('Standard output cannot be written: write EPIPE.');
    expect(stderr).to.not.match(/^ +at /m);
    expect(status).to.equal(130);
    expectKept('interrupted');
  });

  it('a full disk under standard output ends no run; it is told once', async function () {
    if (!existsSync('/dev/full')) skip(this, 'there is no /dev/full');
    configure(5);
    const through = ['sh', '-c', 'exec "$0" "$@" >/dev/full'];
    const { status, stderr } = await begin(['run', 'my.yaml', '--json'], { cwd: folder.path, through }).end();
    expect(stderr).to.match(/^evolve: Standard output cannot be written: ENOSPC[^\n]*\n$/);
    expect(status).to.equal(0);
    expectKept('completed');
  });

  it('a reader that goes away ends a list of plugins without a word', async () => {
    const list = begin(['plugins', '--json']);
    list.child.stdout.destroy();
    expect(await list.end()).to.include({ status: 0, stderr: '' });
  });

  for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
    it(`${signal} ends a run as Ctrl-C does, also where it comes twice`, async () => {
      configure(5000);
      // The tests themselves may run under nohup.
      const through = existsSync('/proc/self/status') ? ['setsid'] : [];
      const run = begin(['run', 'my.yaml'], { cwd: folder.path, env: { _: 'node' }, through });
      await run.until('step    2/5000');
      run.child.kill(signal);
      if (signal === 'SIGHUP') run.child.kill(signal);
      expect((await run.end()).status).to.equal(130);
      expectKept('interrupted');
    });
  }

  for (const [trace, env, through] of [
    ['as the command that the shell started', { _: '/usr/bin/nohup' }, []],
    ['by standard input', { _: '' }, ['sh', '-c', 'exec "$0" "$@" 0>/dev/null']],
    ...(existsSync('/proc/self/status')
      ? [['by what is above it', { _: '' }, ['nohup', 'sh', '-c', 'env _= "$0" "$@"; exit $?']] as const]
      : []),
  ] as const) {
    it(`SIGHUP does nothing under nohup, known ${trace}`, async () => {
      configure(20);
      const run = begin(['run', 'my.yaml'], { cwd: folder.path, env, through });
      await run.until('step  2/20');
      run.child.kill('SIGHUP');
      expect((await run.end()).status).to.equal(0);
      expectKept('completed');
    });
  }

  /** A model with matrices of 6.4 million numbers, which take long to draw and to quantize. */
  function largeModel(): string {
    const config = { ...readJson(fixture('llama'), 'config.json'), intermediate_size: 200_000 };
    folder.write('model/config.json', JSON.stringify(config));
    for (const name of ['tokenizer.json', 'tokenizer_config.json'])
      folder.write(`model/${name}`, readFileSync(fixture('llama', name)));
    return './model';
  }

  for (const [what, tap] of [
    [
      'weights are drawn',
      `hooks.loadModel.tap(({ random }) => {
        const stream = random.stream.bind(random);
        random.stream = (name) => {
          const drawn = stream(name);
          const fill = drawn.fillNormal.bind(drawn);
          drawn.fillNormal = (numbers, deviation) => { count(numbers.length); fill(numbers, deviation); };
          return drawn;
        };
      }, { stage: -1 });`,
    ],
    [
      'they are quantized',
      `hooks.quantize.tap((model) => {
        for (const { weight } of model.linears) {
          const decode = weight.decode.bind(weight);
          weight.decode = (row, end, into) => { count((end - row) * weight.shape[1]); decode(row, end, into); };
        }
        return model;
      }, { stage: -1 });`,
    ],
  ]) {
    it(`Ctrl-C ends a run while ${what}, before the first large matrix is done`, async () => {
      // The signal comes with the first numbers.
      folder.write(
        'counting.mjs',
        `let numbers = 0;
        function count(more) {
          if (numbers === 0) process.kill(process.pid, 'SIGINT');
          numbers += more;
        }
        process.on('exit', () => console.log('numbers: ' + numbers));
        export default { name: 'counting', apiVersion: 2, apply({ hooks }) { ${tap} } };`,
      );
      configure(
        3,
        'device: portable\nquantizer: nf4\nplugins: [./counting.mjs]',
        `${largeModel()}, init: random`,
      );
      const { status, stdout, stderr } = await begin(['run', 'my.yaml'], { cwd: folder.path }).end();
      expect(stdout).to.not.include('trainable');
      expect(stderr).to.include('evolve: interrupted');
      expect(status).to.equal(130);
      const [, numbers] = stdout.match(/^numbers: (\d+)$/m) ?? [];
      expect(Number(numbers)).to.be.within(1, 32 * 200_000 - 1);
    });
  }

  it('Ctrl-C ends the making of an answer', async () => {
    const questions = folder.write('many.txt', 'Name a fruit.\n'.repeat(2000));
    const args = ['--input-file', questions, '--max-new-tokens', '20', '--temperature', '1'];
    const answers = begin(['generate', '--model', fixture('llama'), '--device', 'portable', ...args]);
    await answers.until('\n');
    answers.child.kill('SIGINT');
    const { status, stderr } = await answers.end();
    expect(stderr).to.include('evolve: interrupted before the answer was finished');
    expect(status).to.equal(130);
  });

  it('a stray error at the very end makes the run a failed command', async () => {
    folder.write(
      'late.mjs',
      `export default { name: 'late', apiVersion: 2, apply({ hooks }) {
        hooks.done.tap(() => { setImmediate(() => { throw new Error('late'); }); });
        hooks.done.tap(() => new Promise((resolve) => { setTimeout(resolve, 50); }));
      } };`,
    );
    configure(1, 'plugins: [./late.mjs]');
    const { status, stderr } = await begin(['run', 'my.yaml'], { cwd: folder.path }).end();
    expect(stderr).to.match(/^evolve: an error outside of all hooks: late\n/);
    expect(status).to.equal(1);
    expectKept('failed');
    expect(readJson(output, 'run.json').error).to.include({ code: 'PLUGIN_FAILED' });
  });

  it('a plugin that ends the process makes the run a failed command, and it is told', async () => {
    const plugin = `export default {
      name: 'x', apiVersion: 2,
      apply(trainer) { trainer.hooks.step.tap(({ step }) => { if (step === 3) process.exit(0); }); },
    };`;
    configure(5, `plugins: [${folder.write('exit.mjs', plugin)}]`);
    const { status, stderr } = await begin(['run', 'my.yaml'], { cwd: folder.path }).end();
    expect(stderr).to.include(
      'evolve: something ended the process with process.exit(), before the run had ended',
    );
    expect(stderr).to.include('trainer.stop(reason)');
    expect(status).to.equal(1);
  });

  it('a plugin that fails at the very end is told below the summary, and in run.json', async () => {
    folder.write(
      'ending.mjs',
      `export default { name: 'ending', apiVersion: 2, apply({ hooks }) {
        hooks.done.tap(() => { throw new Error('no network'); });
      } };`,
    );
    configure(2, 'plugins: [./ending.mjs]');
    const { status, stdout, stderr } = await begin(['run', 'my.yaml'], { cwd: folder.path }).end();
    expect(stdout).to.include('adapter: runs/my/adapter (step 2)');
    expect(stderr).to.match(/^evolve: plugin "ending" failed in the hook "done": no network\n/);
    expect(status).to.equal(1);
    expectKept('failed', 2);
    expect(readJson(output, 'run.json').error).to.have.property('message').that.includes('"ending"');
  });

  /** A world of two processes, the other of which adds nothing, and from step 3 on does not answer. */
  const lonely = (waiting: string) =>
    folder.write(
      'lonely.mjs',
      `let isAlone = false;
      export default { name: 'lonely', apiVersion: 2, family: 'worlds', apply({ hooks }) {
        hooks.step.tap(({ step }) => { isAlone = step === 3; });
        hooks.openWorld.tap(() => ({
          rank: 0,
          size: 2,
          sum: () => (isAlone ? new Promise(() => { ${waiting} }) : Promise.resolve()),
          broadcast: async (bytes) => bytes,
          barrier: async () => {},
        }));
      } };`,
    );

  it('a world that can never answer ends a run with everything saved', async () => {
    lonely('');
    configure(5000, 'plugins: [./lonely.mjs]\nworld: lonely', fixture('llama'), FOR_TWO);
    const { status, stderr } = await begin(['run', 'my.yaml'], { cwd: folder.path }).end();
    expect(stderr).to.match(
      /^evolve: plugin "lonely" failed in the hook "openWorld", in sum\(\) of what it gave: it waits for something that never comes\n/,
    );
    expect(status).to.equal(1);
    expectKept('failed', 3);
    expect(readJson(output, 'run.json').error).to.have.property('message').that.includes('"lonely"');
  });

  it('one Ctrl-C ends a run whose world does not open, whatever it has open', async () => {
    folder.write(
      'closed.mjs',
      `export default { name: 'closed', apiVersion: 2, family: 'worlds', apply({ hooks }) {
        hooks.openWorld.tap(() => new Promise(() => {
          setInterval(() => {}, 1000);
          setTimeout(() => process.kill(process.pid, 'SIGINT'), 100);
        }));
      } };`,
    );
    configure(5, 'plugins: [./closed.mjs]\nworld: closed');
    const { status, stderr } = await begin(['run', 'my.yaml'], { cwd: folder.path }).end();
    expect(stderr).to.match(/^evolve: interrupted\n/);
    expect(status).to.equal(130);
  });

  it('one Ctrl-C ends a run whose world does not answer, whatever the world has open', async () => {
    lonely("setInterval(() => {}, 1000); setTimeout(() => process.kill(process.pid, 'SIGINT'), 100);");
    configure(5000, 'plugins: [./lonely.mjs]\nworld: lonely', fixture('llama'), FOR_TWO);
    const { status, stderr } = await begin(['run', 'my.yaml'], { cwd: folder.path }).end();
    expect(stderr).to.match(
      /^evolve: interrupted after 3 steps\nThe adapter of step 3 is in runs\/my\/adapter/,
    );
    expect(status).to.equal(130);
    expectKept('interrupted', 3);
  });

  for (const [what, wait, said] of [
    [
      'waits for what never comes',
      'new Promise(() => {})',
      /^evolve: plugin "waiting" failed in the hook "step": it waits for something that never comes\n/,
    ],
    [
      'throws where that should come from',
      'new Promise(() => { setTimeout(() => { throw new Error("stray"); }); })',
      /^evolve: an error outside of all hooks: stray\n/,
    ],
  ] as const) {
    it(`a plugin that ${what} ends a run with everything saved`, async () => {
      folder.write(
        'waiting.mjs',
        `export default { name: 'waiting', apiVersion: 2, apply({ hooks }) {
          hooks.step.tap(({ step }) => (step === 3 ? ${wait} : undefined));
        } };`,
      );
      configure(5000, 'plugins: [./waiting.mjs]');
      const { status, stderr } = await begin(['run', 'my.yaml'], { cwd: folder.path }).end();
      expect(stderr).to.match(said);
      expect(status).to.equal(1);
      expectKept('failed', 3);
    });
  }

  for (const [what, stray] of [
    ['a rejection that nobody awaited', 'void Promise.reject(new Error("stray"))'],
    ['an error thrown in a timer', 'setTimeout(() => { throw new Error("stray"); })'],
  ]) {
    it(`${what} ends a run with everything saved`, async () => {
      folder.write(
        'stray.mjs',
        `export default { name: 'stray', apiVersion: 2, apply({ hooks }) {
          hooks.step.tap(({ step }) => { if (step === 3) ${stray}; });
        } };`,
      );
      configure(5000, 'plugins: [./stray.mjs]');
      const { status, stderr } = await begin(['run', 'my.yaml'], { cwd: folder.path }).end();
      expect(stderr).to.match(/^evolve: an error outside of all hooks: stray\n/);
      expect(stderr).to.match(/of step \d+ is in runs\/my\/adapter\. A plugin began something/);
      expect(status).to.equal(1);
      expectKept('failed');
    });
  }
});
