import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { LanguageModel } from '../../../core/index.js';
import { readTensors } from '../../support/checkpoints.js';
import { evolve, execute } from '../../support/cli.js';
import { encoderOf, readFixture, saveAdapter, withModel } from '../../support/compose.js';
import { fixture, ROOT, TemporaryFolder } from '../../support/files.js';
import { type ExpectedLlama, LLAMA, PEFT_ADAPTER } from '../../support/llama-fixture.js';
import { relativeError } from '../../support/numbers.js';
import { askPython } from '../../support/python.js';
import { labelled } from '../../support/rows.js';
import { EIGHT_ROWS } from '../../support/runs.js';
import { evolveShared } from '../../support/shared-cli.js';
import { skip } from '../../support/skip.js';

const { prompt } = readFixture<ExpectedLlama>('llama', 'expected.json');
const PASS = { training: false, seed: 0, checkpointing: false };

function logitsOf(model: LanguageModel): Float32Array {
  const ids = Int32Array.from(prompt);
  const batch = model.collate([labelled(ids)]);
  return tf.tidy(() => model.logits(batch, PASS).dataSync().slice()) as Float32Array;
}

describe('merge and export', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  /** Runs the command, which must do its work. */
  async function command(...args: string[]): Promise<void> {
    const { status, stderr } = await evolveShared([...args, '--device', 'portable'], { cwd: folder.path });
    expect(status, stderr).to.equal(0);
  }

  /** An adapter for a fixture model that changes what it computes. */
  async function adapterFor(model: string): Promise<string> {
    const adapter = { method: 'lora', r: 4, alpha: 12, targetModules: 'all-linear' };
    await withModel({ model: { path: fixture(model) }, adapter }, async (adapted, run) => {
      for (const [i, variable] of [...adapted.trainable.values()].entries()) {
        const values = tf.randomUniform(variable.shape, -0.2, 0.2, 'float32', i);
        variable.assign(values as tf.Tensor);
        values.dispose();
      }
      folder.write('adapter/place', '');
      await saveAdapter(run, adapted, folder.join('adapter'));
    });
    return folder.join('adapter');
  }

  /** The tensors of a file by name: their types. */
  function typesOf(...names: string[]): Record<string, string> {
    const bytes = readFileSync(folder.join(...names));
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE(0))));
    const { __metadata__: _, ...tensors } = header as Record<string, { dtype: string }>;
    return Object.fromEntries(Object.entries(tensors).map(([name, { dtype }]) => [name, dtype]));
  }

  it('writes a model that computes what base and adapter compute', async () => {
    await command(
      'merge',
      '--model',
      fixture('llama'),
      '--adapter',
      fixture('peft-adapter'),
      '--output',
      'merged',
    );
    const [base, adapted, merged] = [
      await withModel({ model: LLAMA }, logitsOf),
      await withModel({ model: LLAMA, adapter: PEFT_ADAPTER }, logitsOf),
      await withModel({ model: { path: folder.join('merged') } }, logitsOf),
    ];
    expect(relativeError(base, adapted), 'the adapter does something').to.be.above(0.05);
    expect(relativeError(merged, adapted)).to.be.below(1e-5);
    expect(readdirSync(folder.join('merged')).sort()).to.deep.equal([
      'config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    // Number by number: transformers refuses a rope_theta of 10000 where it expects 10000.0.
    const config = (...names: string[]) => readFileSync(path.join(...names, 'config.json'), 'utf8');
    expect(config(folder.join('merged'))).to.equal(config(fixture('llama')));
  });

  it('keeps the names and types of the base, halves and tied layers too', async () => {
    const adapter = await adapterFor('llama-tied');
    const base = fixture('llama-tied');
    await command('merge', '--model', base, '--adapter', adapter, '--output', 'merged');
    const types = typesOf('merged', 'model.safetensors');
    expect([...new Set(Object.values(types))]).to.deep.equal(['F16']);
    expect(types).to.not.have.property('lm_head.weight');
    const device = { name: 'portable', backend: 'cpu' };
    const lora = { method: 'lora', init: adapter };
    const adapted = await withModel({ model: { path: base }, adapter: lora, device }, logitsOf);
    const merged = await withModel({ model: { path: folder.join('merged') }, device }, logitsOf);
    // Each weight is rounded to a half, by up to 2⁻¹¹ of itself.
    expect(relativeError(merged, adapted)).to.be.within(1e-7, 5e-3);
  });

  for (const base of ['bloom', 'chatglm', 'chatglm2']) {
    it(`writes all that belongs to a model, and of its tensors base + scaling · B A: ${base}`, async () => {
      cpSync(fixture(base), folder.join('base'), { recursive: true });
      // ChatGLM's own code belongs to it; other files do not.
      for (const name of ['modeling_chatglm.py', 'tokenization_chatglm.py', 'notes.txt'])
        folder.write(`base/${name}`, name);
      await command('merge', '--model', 'base', '--adapter', 'base/adapter', '--output', 'merged');
      const own = base === 'bloom' ? [] : ['modeling_chatglm.py', 'tokenization_chatglm.py'];
      const files = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
      expect(readdirSync(folder.join('merged')).sort()).to.deep.equal([...files, ...own].sort());

      // A base model alone leaves the prefix out, and of rotary positions the frequencies follow from config.json.
      const before = Object.fromEntries(
        Object.entries(await readTensors(folder.join('base')))
          .filter(([name]) => !name.endsWith('inv_freq'))
          .map(([name, tensor]) => [base === 'bloom' ? `transformer.${name}` : name, tensor]),
      );
      const after = await readTensors(folder.join('merged'));
      const branches = await readTensors(folder.join('base', 'adapter', 'adapter_model.safetensors'));
      const { lora_alpha: alpha, r } = readFixture<{ lora_alpha: number; r: number }>(
        base,
        'adapter',
        'adapter_config.json',
      );
      expect(Object.keys(after)).to.have.members(Object.keys(before));
      let merged = 0;
      for (const [name, { type, shape, values }] of Object.entries(before)) {
        expect(after[name], name).to.include({ type }).and.to.deep.include({ shape });
        const branch = (part: string) =>
          branches[`base_model.model.${name.replace(/weight$/, `lora_${part}.weight`)}`];
        const [a, b] = [branch('A'), branch('B')];
        if (!a || !b) {
          expect(after[name].values, name).to.deep.equal(values);
          continue;
        }
        merged++;
        const [rows, columns] = shape;
        for (const [row, column] of [
          [0, 0],
          [rows - 1, 1],
          [rows >> 1, columns - 1],
        ]) {
          let sum = values[row * columns + column];
          for (let i = 0; i < r; i++)
            sum += (alpha / r) * b.values[row * r + i] * a.values[i * columns + column];
          expect(after[name].values[row * columns + column], name).to.be.closeTo(
            sum,
            1e-3 * Math.abs(sum) + 1e-7,
          );
        }
      }
      expect(merged)
        .to.equal(Object.keys(branches).length / 2)
        .and.to.be.above(0);
    });
  }

  it('draws a random base again from the seed of the run', async () => {
    folder.write('rows.json', EIGHT_ROWS);
    const config = {
      model: { ...LLAMA, init: 'random' },
      adapter: { r: 4 },
      data: { sources: [{ path: './rows.json', format: 'alpaca' }], cutoffLength: 256, validationSize: 0 },
      train: { seed: 7, maxSteps: 1, warmupSteps: 0, perDeviceBatchSize: 2, gradientAccumulationSteps: 1 },
      device: 'portable',
    };
    folder.write('my.yaml', JSON.stringify(config));
    await command('run', 'my.yaml', '--output', 'run');
    await command('merge', '--run', 'run', '--output', 'merged');
    const adapter = { method: 'lora', init: folder.join('run', 'adapter') };
    const adapted = await withModel({ model: config.model, train: { seed: 7 }, adapter }, logitsOf);
    const merged = await withModel({ model: { path: folder.join('merged') } }, logitsOf);
    expect(relativeError(merged, adapted)).to.be.below(1e-5);
  });

  it('leaves what lies beside its output alone, and makes a folder like any', async () => {
    folder.write('merged.partial/mine.txt', 'mine');
    const model = ['--model', fixture('llama'), '--adapter', fixture('peft-adapter')];
    await command('merge', ...model, '--output', 'merged');
    expect(readdirSync(folder.path).sort()).to.deep.equal(['merged', 'merged.partial']);
    expect(readFileSync(folder.join('merged.partial', 'mine.txt'), 'utf8')).to.equal('mine');
    expect(statSync(folder.join('merged')).mode).to.equal(statSync(folder.join('merged.partial')).mode);
  });

  for (const format of ['safetensors', 'gguf']) {
    it(`leaves nothing where it is interrupted, ${format}`, async () => {
      // Ctrl-C, when the output has been begun.
      folder.write(
        'interrupts.mjs',
        `export default { name: 'interrupts', apiVersion: 2, apply: (trainer) =>
          trainer.hooks.writeCheckpoint.tap(async () => {
            process.kill(process.pid, 'SIGINT');
            await new Promise((resolve) => setTimeout(resolve, 100));
          }, { stage: -1 }) };`,
      );
      const data = { sources: ['cot'] };
      folder.write('run/config.yaml', JSON.stringify({ model: LLAMA, data, plugins: ['../interrupts.mjs'] }));
      cpSync(fixture('peft-adapter'), folder.join('run', 'adapter'), { recursive: true });
      const asked = ['export', '--run', 'run', '--format', format, '--output', 'out', '--device', 'portable'];
      const { status, stderr } = await evolve(asked, { cwd: folder.path });
      expect(stderr).to.include('interrupted; nothing was written');
      expect(status).to.equal(130);
      expect(readdirSync(folder.path).sort()).to.deep.equal(['interrupts.mjs', 'run']);
    });

    it(`leaves nothing on a disk that is full, ${format}`, async function () {
      const mount = folder.join('full');
      // A file system of its own, too small for the model, which is gone with the command.
      const script = `mkdir -p ${mount} && mount -t tmpfs -o size=64k tmpfs ${mount} || exit 77
        "$@"; status=$?; find ${mount} -mindepth 1; exit $status`;
      const namespace = ['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh'];
      const cli = path.join(ROOT, '.build', 'core', 'cli.js');
      const model = [
        '--model',
        fixture('llama'),
        '--adapter',
        fixture('peft-adapter'),
        '--device',
        'portable',
      ];
      const asked = ['export', ...model, '--format', format, '--output', path.join(mount, 'out')];
      const { status, stdout, stderr } = await execute('unshare', [
        ...namespace,
        process.execPath,
        cli,
        ...asked,
      ]).catch((error: Error) => ({ status: 77, stdout: '', stderr: error.message }));
      if (status === 77 || stderr.startsWith('unshare:')) {
        skip(this, `no file system can be mounted here: ${stderr.trim()}`);
      }
      expect(status, stderr).to.equal(1);
      expect(stderr)
        .to.match(/cannot be written to .*ENOSPC/)
        .and.to.include('Make room');
      expect(stdout).to.equal('');
    });
  }

  it('merges into the base model of a run as it is, not as the run quantized it', async () => {
    const config = {
      model: LLAMA,
      quantizer: 'nf4',
      adapter: { r: 4 },
      data: {
        sources: [{ path: fixture('llama', 'train.json'), format: 'alpaca' }],
        cutoffLength: 256,
        validationSize: 0,
      },
      train: {
        perDeviceBatchSize: 2,
        gradientAccumulationSteps: 1,
        maxSteps: 3,
        warmupSteps: 0,
        learningRate: 0.05,
      },
      device: 'portable',
    };
    folder.write('my.yaml', JSON.stringify(config));
    await command('run', 'my.yaml', '--output', 'run');
    await command('merge', '--run', 'run', '--output', 'merged');
    const adapter = { method: 'lora', init: folder.join('run', 'adapter') };
    const adapted = await withModel({ model: LLAMA, adapter }, logitsOf);
    const merged = await withModel({ model: { path: folder.join('merged') } }, logitsOf);
    expect(relativeError(merged, adapted)).to.be.below(1e-5);
  });

  it('exports a model without an adapter, in another type where one is asked for', async () => {
    await command('export', '--model', fixture('llama'), '--format', 'safetensors', '--output', 'same');
    expect([...new Set(Object.values(typesOf('same', 'model.safetensors')))]).to.deep.equal(['F32']);
    const [base, same] = [
      await withModel({ model: LLAMA }, logitsOf),
      await withModel({ model: { path: folder.join('same') } }, logitsOf),
    ];
    expect(same).to.deep.equal(base);
    await command(
      'export',
      '--model',
      fixture('llama'),
      '--format',
      'safetensors',
      '--type',
      'bf16',
      '--output',
      'less',
    );
    expect([...new Set(Object.values(typesOf('less', 'model.safetensors')))]).to.deep.equal(['BF16']);
    expect(JSON.parse(readFileSync(folder.join('less', 'config.json'), 'utf8')).dtype).to.equal('bfloat16');
  });

  it('refuses what it cannot do, and leaves nothing behind', async () => {
    const refused = async (args: string[], text: string) => {
      const before = readdirSync(folder.path).sort();
      const { status, stderr } = await evolveShared([...args, '--device', 'portable'], { cwd: folder.path });
      expect(stderr).to.include(text);
      expect(status).to.equal(2);
      expect(readdirSync(folder.path).sort()).to.deep.equal(before);
    };
    const model = ['--model', fixture('llama')];
    const adapter = ['--adapter', fixture('peft-adapter')];
    folder.write('full/of.txt', 'things');
    await refused(['merge', ...model, ...adapter, '--output', 'full'], 'is not empty');
    await refused(['merge', ...model, '--output', 'new'], 'there is no --adapter: nothing is to be merged');
    await refused(['merge', ...model, ...adapter], '--output');
    const safetensors = ['export', ...model, '--format', 'safetensors', '--output', 'new'];
    await refused([...safetensors, '--type', 'q8_0'], 'safetensors holds no q8_0');
    cpSync(fixture('llama'), folder.join('other'), { recursive: true });
    const config = JSON.parse(readFileSync(folder.join('other', 'config.json'), 'utf8'));
    writeFileSync(folder.join('other', 'config.json'), JSON.stringify({ ...config, model_type: 'other' }));
    await refused(
      ['export', '--model', 'other', '--format', 'gguf', '--output', 'new'],
      'model_type is "other"',
    );
  });

  it('is loaded by transformers and computes there what it computes here', async function () {
    this.timeout(300_000);
    const adapter = await adapterFor('llama-tied');
    await command('merge', '--model', fixture('llama-tied'), '--adapter', adapter, '--output', 'merged');
    const script = 'plugins/adapters/load_with_transformers.py';
    const found = askPython<{ logits: number[][]; dtype: string }>(script, [folder.join('merged')], prompt);
    if ('missing' in found) {
      skip(this, `${found.missing} (EVOLVE_PYTHON names a Python that has transformers)`);
    }
    const ours = await withModel({ model: { path: folder.join('merged') } }, logitsOf);
    expect(relativeError(ours, found.answer.logits.flat())).to.be.below(1e-4);
    expect(found.answer.dtype).to.equal('float16');
  });

  it('is loaded by transformers with the same tokens where the base is a GGUF file', async function () {
    this.timeout(300_000);
    const base = ['--model', fixture('gguf', 'llama.gguf'), '--adapter', fixture('peft-adapter')];
    await command('merge', ...base, '--output', 'merged');
    const script = 'plugins/adapters/load_with_transformers.py';
    const found = askPython<{ tokens: number[] }>(script, [folder.join('merged')], prompt);
    if ('missing' in found) {
      skip(this, `${found.missing} (EVOLVE_PYTHON names a Python that has transformers)`);
    }
    const { tokenizer } = await encoderOf({ model: LLAMA });
    expect(found.answer.tokens).to.deep.equal([tokenizer.bosId, ...tokenizer.encode('Hello')]);
  });
});
