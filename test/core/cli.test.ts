import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import module from 'node:module';
import path from 'node:path';
import { expect } from 'chai';
import { evolve, execute } from '../support/cli.js';
import { recordAt } from '../support/errors.js';
import { fixture, ROOT, TemporaryFolder } from '../support/files.js';
import { EIGHT_ROWS, readJson, readSteps } from '../support/runs.js';
import { evolveShared } from '../support/shared-cli.js';
import { skip } from '../support/skip.js';

/** A configuration of a run on the fixture LLaMA; a given line takes the place of the one with the same key. */
function configuration(...lines: string[]): string {
  const keys: Record<string, string> = {
    model: `model: { path: ${fixture('llama')} }`,
    data: 'data: { sources: [{ path: rows.json, format: alpaca }], cutoffLength: 256, validationSize: 2 }',
    train: 'train: { maxSteps: 3, warmupSteps: 0, perDeviceBatchSize: 2, gradientAccumulationSteps: 1 }',
  };
  for (const line of lines) keys[line.split(':')[0]] = line;
  return `${Object.values(keys).join('\n')}\n`;
}

describe('the command line', () => {
  let folder: TemporaryFolder;

  it('can be executed after each build, as npx does it', async () => {
    const { bin } = readJson(path.join(ROOT, 'package.json')) as { bin: { evolve: string } };
    const { status } = await execute(path.join(ROOT, bin.evolve), ['--version']);
    expect(status).to.equal(0);
  });

  it('keeps what was compiled, where Node.js can, so that the next start is faster', async function () {
    if (!('enableCompileCache' in module)) skip(this, 'only Node.js 22.1 and later keeps it');
    const temporary = { TMPDIR: folder.path, TEMP: folder.path };
    expect((await evolve(['plugins'], { env: temporary })).status).to.equal(0);
    expect(readdirSync(folder.join('node-compile-cache'))).to.have.lengthOf(1);
  });

  beforeEach(() => {
    folder = new TemporaryFolder();
    folder.write('rows.json', EIGHT_ROWS);
  });
  afterEach(() => folder.remove());

  const run = (yaml: string, ...args: string[]) => {
    folder.write('my.yaml', yaml);
    return evolveShared(['run', 'my.yaml', ...args], { cwd: folder.path });
  };
  /** In a process of its own. */
  const runAlone = (yaml: string, ...args: string[]) => {
    folder.write('my.yaml', yaml);
    return evolve(['run', 'my.yaml', ...args], { cwd: folder.path });
  };

  describe('evolve run', () => {
    it('trains, writes plain lines where output is piped, and ends with status 0', async () => {
      const { status, stdout, stderr } = await runAlone(configuration());
      expect(stderr).to.equal('');
      expect(status).to.equal(0);
      expect(stdout).to.match(/^step 3\/3 {2}loss \d+\.\d+ .* tokens\/s {2}[\d,]+ MiB {2}0:00 left$/m);
      expect(stdout).to.include('adapter: runs/my/adapter');
      expect(readJson(folder.path, 'runs', 'my', 'run.json')).to.include({ status: 'completed', steps: 3 });
    });

    it('writes JSON lines only with --json', async () => {
      const { status, stdout } = await runAlone(configuration(), '--json', '--output', 'elsewhere');
      expect(status).to.equal(0);
      const lines = stdout.trimEnd().split('\n');
      const types = lines.map((line) => (JSON.parse(line) as { type: string }).type);
      expect(types.filter((type) => type !== 'notice')).to.deep.equal([
        'start',
        'eval',
        'step',
        'step',
        'step',
        'eval',
        'save',
        'done',
      ]);
      expect(existsSync(folder.join('elsewhere', 'run.json'))).to.equal(true);
    });

    it('writes JSON lines only where a plugin prints, too', async () => {
      const plugin = `export default { name: 'x', apiVersion: 2,
        apply(trainer) { trainer.hooks.step.tap(() => { console.log('printed'); }); } };`;
      folder.write('prints.mjs', plugin);
      const { stdout, stderr } = await run(configuration('plugins: [./prints.mjs]'), '--json');
      for (const line of stdout.trimEnd().split('\n')) expect(JSON.parse(line)).to.have.property('type');
      expect(stderr).to.include('printed');
    });

    it('writes to standard output by one tracker, whichever the configuration names', async () => {
      const named = await run(configuration('trackers: [json]'));
      for (const line of named.stdout.trimEnd().split('\n'))
        expect(JSON.parse(line)).to.have.property('type');
      const both = await run(configuration('trackers: [progress]'), '--json');
      expect(both.status).to.equal(2);
      expect(JSON.parse(both.stdout).message).to.match(
        /^my.yaml:4:1: "progress" and "json" both write to standard output/,
      );
      const apart = await run(configuration('trackers: [{ name: progress, stream: stderr }]'), '--json');
      expect(apart.stderr).to.include('step 3/3');
      expect(JSON.parse(apart.stdout.trimEnd().split('\n').at(-1) as string)).to.include({ type: 'done' });
    });

    it('tells errors as JSON too', async () => {
      const { status, stdout } = await run(configuration('quantizer: int3'), '--json');
      expect(status).to.equal(2);
      expect(JSON.parse(stdout)).to.include({ type: 'error', code: 'PLUGIN_INVALID' });
    });

    it('tells as JSON how a run failed that had begun, with its last event', async () => {
      const rate = ['--set', 'train.learningRate=1e30'];
      const { status, stdout } = await run(configuration(), '--json', ...rate);
      expect(status).to.equal(1);
      const events = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      const types = events.map(({ type }) => type);
      expect(types).to.include('step').and.not.include('done');
      const last = events.at(-1);
      expect(last?.type).to.equal('error');
      expect(last?.code).to.be.oneOf(['NOT_FINITE', 'NO_GRADIENT']);
      expect(last?.message).to.match(/of step 2 is/);
    });

    it('replaces a device that does not open by the next, with one line that says why', async function () {
      const { status, stdout } = await run(configuration(), '--device', 'tensorflow');
      expect(status).to.equal(0);
      if (/^device tensorflow:/m.test(stdout)) {
        skip(this, 'the optional TensorFlow package is installed here');
      }
      const [, name] =
        stdout.match(/^device (\w+): .*\(not tensorflow: @tensorflow\/tfjs-node-gpu .*\)$/m) ?? [];
      expect(name, stdout).to.be.oneOf(['native', 'portable']);
      const { device } = readJson(folder.path, 'runs', 'my', 'run.json');
      expect(device).to.include({ name, requested: 'tensorflow' });
    });

    it('ends with status 130 on Ctrl-C, and keeps what was learned', async () => {
      const train =
        'train: { maxSteps: 5000, warmupSteps: 0, perDeviceBatchSize: 1, gradientAccumulationSteps: 1 }';
      folder.write('my.yaml', configuration(train));
      const cli = path.join(ROOT, '.build', 'core', 'cli.js');
      const child = spawn(process.execPath, [cli, 'run', 'my.yaml'], { cwd: folder.path });
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk;
        if (String(chunk).includes('step    2/5000')) child.kill('SIGINT');
      });
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk;
      });
      const status = await new Promise((resolve) => child.on('close', resolve));
      expect(status).to.equal(130);
      expect(stdout).to.include('Ctrl-C again ends at once');
      const output = folder.join('runs', 'my');
      expect(stderr).to.include('To go on: the same command with --resume.');
      const steps = readSteps(output).length;
      expect(readJson(output, 'run.json')).to.include({ status: 'interrupted', steps });
      expect(readdirSync(path.join(output, 'adapter')).sort()).to.deep.equal([
        'adapter_config.json',
        'adapter_model.safetensors',
      ]);
    });
  });

  describe('bad input', () => {
    /** Expects status 2, these texts on standard error, no stack trace, and that nothing was written. */
    async function refused(yaml: string, ...texts: (string | RegExp)[]): Promise<void> {
      const { status, stderr } = await run(yaml);
      for (const text of texts) {
        if (typeof text === 'string') expect(stderr).to.include(text);
        else expect(stderr).to.match(text);
      }
      expect(stderr, 'no stack trace').to.not.match(/^ +at /m);
      expect(status).to.equal(2);
      expect(existsSync(folder.join('runs')), 'something was written').to.equal(false);
    }

    it('a missing configuration', async () => {
      const { status, stderr } = await evolveShared(['run', 'no.yaml'], { cwd: folder.path });
      expect(stderr).to.include('no.yaml: there is no such file');
      expect(status).to.equal(2);
    });

    it('an empty configuration', () => refused('', 'my.yaml: the configuration is empty'));

    it('unknown keys and wrong types, all at once, with their places', () =>
      refused(
        configuration(
          'data: { sources: [1], cutofLength: 3 }',
          'train: { epochs: three }',
          'quantiser: int8',
          'adapter: { rank: 3 }',
        ),
        'my.yaml:2:19: data.sources.0: expected',
        'my.yaml:2:23: unknown key "data.cutofLength" (did you mean "cutoffLength"?)',
        'my.yaml:3:10: train.epochs: expected number, but got "three"',
        'my.yaml:4:1: unknown key "quantiser" (did you mean "quantizer"?)',
        'my.yaml:5:12: unknown key "adapter.rank" (did you mean "r"?)',
      ));

    it('unknown plugins and options of plugins, all at once', () =>
      refused(
        configuration('quantizer: int3', 'adapter: { rank: 3 }', 'device: gpu'),
        'my.yaml:4:1: unknown quantizer "int3" (did you mean "int8"?); there are: int8, nf4, none',
        'my.yaml:5:12: unknown key "adapter.rank"',
        'my.yaml:6:1: unknown device "gpu" (did you mean "cuda" or "tensorflow"?); there are: cuda, native, portable, tensorflow',
      ));

    it('a device of --device that there is not', async () => {
      const { status, stderr } = await run(configuration(), '--device', 'cpu');
      expect(stderr).to.match(
        /^evolve: --device: unknown device "cpu" \(did you mean "native" or "portable"\?\); there are: cuda, native/,
      );
      expect(status).to.equal(2);
    });

    it('a third-party plugin that is not there', () =>
      refused(
        configuration('plugins: [./nope.ts]'),
        /my\.yaml:4:11: there is no file or folder .*nope\.ts/,
        'Check the path',
      ));

    it('an unknown data name', () =>
      refused(
        configuration('data: { sources: [alpaka] }'),
        'my.yaml:2:19: unknown data name "alpaka" (did you mean "alpaca"?)',
        '`evolve data list` lists the names',
      ));

    it('a record without output', async () => {
      folder.write('rows.json', '[{"instruction":"a","output":"b"},{"instruction":"c"},{"output":3}]');
      await refused(
        configuration(),
        'rows.json: 2 faulty records',
        recordAt(2, '"output" is missing'),
        recordAt(3, '"instruction" is missing, "output" is no text, but 3'),
      );
    });

    it('a data source without a row', async () => {
      folder.write('rows.json', '[]');
      await refused(configuration(), 'my.yaml:2:19', 'rows.json has no record');
    });

    it('a target module that matches nothing', () =>
      refused(
        configuration('adapter: { targetModules: [q_prj, v_proj] }'),
        'my.yaml:4:12: no module of this llama matches q_prj',
        'What could match: q_proj, k_proj, v_proj',
      ));

    it('a model that is not there', () =>
      refused(configuration('model: { path: ./none }'), /my\.yaml:1:10: there is no file or folder .*none/));

    it('a weights file that is cut off, or lies', async () => {
      for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors']) {
        folder.write(`model/${name}`, readFileSync(fixture('llama', name)));
      }
      const weights = folder.join('model', 'model.safetensors');
      truncateSync(weights, 20000);
      await refused(configuration('model: { path: ./model }'), /model\.safetensors: is cut off/);

      const bytes = readFileSync(fixture('llama', 'model.safetensors'));
      bytes.writeBigUInt64LE(2n ** 60n);
      writeFileSync(weights, bytes);
      const lie = `model.safetensors: the header says that it has ${2n ** 60n} bytes`;
      await refused(configuration('model: { path: ./model }'), lie);
    });

    it('arguments that are missing, unknown or malformed', async () => {
      folder.write('my.yaml', configuration());
      const commands = [
        ['run'],
        ['frob'],
        ['run', 'my.yaml', '--devise', 'x'],
        ['run', 'my.yaml', '--set', 'x'],
      ];
      for (const args of [...commands, ['generate'], ['generate', '--instruction', 'x', '--top-p', '2']]) {
        const { status, stderr } = await evolveShared(args, { cwd: folder.path });
        expect(status, args.join(' ')).to.equal(2);
        expect(stderr, args.join(' ')).to.not.equal('');
      }
    });
  });

  describe('evolve generate', () => {
    const question = ['--instruction', 'Name color 1.', '--input', 'of the list', '--max-new-tokens', '12'];

    it('answers with a base model, the same each time', async () => {
      const args = ['generate', '--model', fixture('llama'), ...question, '--json'];
      const { status, stdout } = await evolveShared(args);
      expect(status).to.equal(0);
      const answer = JSON.parse(stdout);
      expect(answer).to.include({ instruction: 'Name color 1.', input: 'of the list' });
      expect(answer.tokens).to.be.within(1, 12);
      expect(JSON.parse((await evolveShared(args)).stdout)).to.deep.equal(answer);
    });

    it('answers with the adapter of a run, which makes a difference', async () => {
      await run(
        configuration(
          'train: { maxSteps: 30, warmupSteps: 0, learningRate: 0.02, gradientAccumulationSteps: 1 }',
        ),
      );
      const base = ['generate', '--model', fixture('llama')];
      const trained = await evolveShared(['generate', '--run', 'runs/my', ...question], { cwd: folder.path });
      const same = await evolveShared([...base, '--adapter', 'runs/my/adapter', ...question], {
        cwd: folder.path,
      });
      const bare = await evolveShared([...base, ...question], { cwd: folder.path });
      expect(trained.status).to.equal(0);
      expect(same.stdout).to.equal(trained.stdout);
      expect(bare.stdout).to.not.equal(trained.stdout);
    });

    it('draws beams as the Alpaca-CoT project does, of many instructions, by seed', async () => {
      const prompts = [
        { instruction: 'Name a fruit.' },
        { instruction: 'Name color 1.', input: 'of the list' },
        { instruction: '请写一个句子描述春天。', input: '' },
      ];
      const file = folder.write(
        'questions.jsonl',
        prompts.map((prompt) => JSON.stringify(prompt)).join('\n'),
      );
      const upstream =
        '--temperature 1 --top-p 0.9 --top-k 40 --num-beams 4 --repetition-penalty 1.8 --no-repeat-ngram-size 6';
      const further = '--length-penalty 1.2 --early-stopping --max-new-tokens 20 --json';
      const args = [...upstream.split(' '), ...further.split(' '), '--input-file', file];
      const answers = async (seed: string) => {
        const { status, stdout } = await evolveShared([
          'generate',
          '--model',
          fixture('llama'),
          ...args,
          '--seed',
          seed,
        ]);
        expect(status).to.equal(0);
        return stdout
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as { output: string; tokens: number });
      };
      const first = await answers('1');
      expect(first).to.have.lengthOf(prompts.length);
      for (const [i, answer] of first.entries()) {
        expect(answer).to.include({ input: '', ...prompts[i] });
        expect(answer.tokens).to.be.within(1, 20);
      }
      expect(await answers('1')).to.deep.equal(first);
      const other = await answers('2');
      expect(other.map(({ output }) => output)).to.not.deep.equal(first.map(({ output }) => output));
    });

    it('refuses contradictions', async () => {
      const refused = async (args: string[], text: string) => {
        const { status, stderr } = await evolveShared(['generate', '--instruction', 'x', ...args]);
        expect(stderr).to.include(text);
        expect(status).to.equal(2);
      };
      await refused(['--run', 'a', '--model', 'b'], 'either --run or --model, but got both');
      await refused(['--model', 'b', '--greedy', '--top-k', '3'], '--greedy takes no');
      for (const narrowing of [
        ['--top-k', '5'],
        ['--top-p', '0.9'],
      ]) {
        const args = ['--model', 'b', '--temperature', '0', ...narrowing];
        await refused(args, '--temperature 0 takes the likeliest token each time, and no --top-p or --top-k');
      }
      for (const penalty of ['0', '-1', 'NaN', 'Infinity']) {
        await refused(['--model', 'b', '--repetition-penalty', penalty], 'Expected a number above 0.');
      }
      await refused(['--model', 'b', '--temperature', '-1'], 'Expected a number from 0.');
      await refused(['--model', 'b', '--num-beams', '100000'], 'Expected a whole number from 1 to 256.');
      await refused(['--model', 'b', '--top-p', '2'], 'Expected a number from 0 to 1.');
      await refused(['--model', 'b', '--adapter', folder.path], 'no adapter_config.json');
      const long = ['--model', fixture('llama'), '--input', 'word '.repeat(600)];
      await refused(long, 'tokens, but the model was made for 512 positions');
    });
  });

  it('evolve plugins lists what there is and what taps what', async () => {
    const { status, stdout } = await evolveShared(['plugins']);
    expect(status).to.equal(0);
    expect(stdout).to.match(
      /^backbones\n {2}bloom +loadEncoder, loadModel\n {2}chatglm +loadEncoder, loadModel\n {2}llama +loadEncoder, loadModel$/m,
    );
    expect(stdout).to.match(/^ {2}lora +injectAdapters, save$/m);
    const lines = (await evolveShared(['plugins', '--json'])).stdout.trimEnd().split('\n');
    const names = lines.map((line) => JSON.parse(line).name);
    expect(names).to.include.members(['alpaca', 'belle', 'cot', 'int8', 'nf4', 'portable']);
  });
});
