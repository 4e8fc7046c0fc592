import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { writeMlxAdapter } from '../../../core/export/mlx-adapter.js';
import { readTensors } from '../../support/checkpoints.js';
import { withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { readGgufFile } from '../../support/gguf-file.js';
import { expectClose } from '../../support/numbers.js';
import { evolveShared } from '../../support/shared-cli.js';

const ADAPTERS: Readonly<Record<string, string>> = {
  'all layers alike': fixture('adapters', 'all-but'),
  'rslora, ranks and alphas by pattern': fixture('adapters', 'rslora-patterns'),
};

describe('an adapter that is exported alone', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  const run = (...args: string[]) =>
    evolveShared(['export', '--model', fixture('llama'), ...args, '--device', 'portable'], {
      cwd: folder.path,
    });
  async function exported(...args: string[]): Promise<void> {
    const { status, stderr } = await run(...args);
    expect(status, stderr).to.equal(0);
  }

  /** base + scale · b a, of matrices as they stand in files: `[rows, columns]`. */
  function sum(
    base: ArrayLike<number>,
    a: ArrayLike<number>,
    b: ArrayLike<number>,
    rank: number,
    scale: number,
  ) {
    const columns = a.length / rank;
    return Float32Array.from(base, (value, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      let product = 0;
      for (let k = 0; k < rank; k++) product += b[row * rank + k] * a[k * columns + column];
      return value + scale * product;
    });
  }

  for (const [name, adapter] of Object.entries(ADAPTERS)) {
    it(`adds to a GGUF model what the merged one has, as llama.cpp reckons: ${name}`, async () => {
      await exported('--format', 'gguf', '--type', 'f32', '--output', 'base.gguf');
      await exported('--adapter', adapter, '--format', 'gguf', '--type', 'f32', '--output', 'merged.gguf');
      await exported('--adapter', adapter, '--format', 'gguf-adapter', '--output', 'out');
      expect(readdirSync(folder.join('out'))).to.deep.equal(['adapter.gguf']);
      const [base, merged] = ['base.gguf', 'merged.gguf'].map((file) => readGgufFile(folder.join(file)));
      const { metadata, tensors } = readGgufFile(folder.join('out', 'adapter.gguf'));
      expect(metadata).to.include({
        'general.architecture': 'llama',
        'general.type': 'adapter',
        'general.name': 'llama',
        'adapter.type': 'lora',
      });
      const alpha = metadata['adapter.lora.alpha'] as number;
      const names = Object.keys(tensors).flatMap((key) =>
        key.endsWith('.lora_a') ? [key.slice(0, -7)] : [],
      );
      expect(names).to.include('blk.0.attn_k.weight');
      expect(Object.keys(tensors)).to.have.length(2 * names.length);
      let greatest = 0;
      for (const weight of names) {
        const [a, b] = [tensors[`${weight}.lora_a`], tensors[`${weight}.lora_b`]];
        const rank = b.shape[0];
        expect(a.shape, weight).to.deep.equal([base.tensors[weight].shape[0], rank]);
        expect(b.shape, weight).to.deep.equal([rank, base.tensors[weight].shape[1]]);
        const found = sum(base.tensors[weight].values, a.values, b.values, rank, alpha / rank);
        expectClose(found, merged.tensors[weight].values, 1e-6, weight);
        for (const [i, value] of found.entries())
          greatest = Math.max(greatest, Math.abs(value - base.tensors[weight].values[i]));
      }
      expect(greatest).to.be.above(0.01);
    });

    it(`adds to a model what the merged one has, as mlx-lm reckons: ${name}`, async () => {
      await exported('--adapter', adapter, '--format', 'safetensors', '--type', 'f32', '--output', 'merged');
      await exported('--adapter', adapter, '--format', 'mlx', '--output', 'out');
      const config = JSON.parse(readFileSync(folder.join('out', 'adapter_config.json'), 'utf8'));
      expect(config).to.include({ fine_tune_type: 'lora', num_layers: -1 });
      expect(config.lora_parameters).to.have.all.keys('rank', 'scale', 'dropout', 'keys');
      expect(config.lora_parameters.keys).to.include('self_attn.k_proj');
      const [base, merged, own] = [
        await readTensors(fixture('llama')),
        await readTensors(folder.join('merged')),
        await readTensors(folder.join('out', 'adapters.safetensors')),
      ];
      const names = Object.keys(own).flatMap((key) => (key.endsWith('.lora_a') ? [key.slice(0, -7)] : []));
      expect(names).to.include('model.layers.0.self_attn.k_proj');
      const transposed = ({
        shape: [rows, columns],
        values,
      }: {
        shape: readonly number[];
        values: ArrayLike<number>;
      }) => Float32Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
      for (const module of names) {
        const [a, b] = [own[`${module}.lora_a`], own[`${module}.lora_b`]];
        // mlx-lm makes all adapters of one rank, and refuses a file whose matrices have another.
        const { rank } = config.lora_parameters;
        expect([a.shape[1], b.shape[0]], module).to.deep.equal([rank, rank]);
        const weight = `${module}.weight`;
        const found = sum(
          base[weight].values,
          transposed(a),
          transposed(b),
          rank,
          config.lora_parameters.scale,
        );
        expectClose(found, Float32Array.from(merged[weight].values), 1e-6, weight);
      }
    });
  }

  it('goes to mlx-lm for the output layer too, which is found by its whole name', async () => {
    const adapter = { method: 'lora', r: 2, targetModules: ['q_proj', 'lm_head'] };
    await withModel({ model: { path: fixture('llama') }, adapter }, async (model) => {
      let names: string[] = [];
      await writeMlxAdapter(model, folder.path, 'f32', async ({ tensors }) => {
        names = [...tensors.keys()];
      });
      expect(names).to.include('lm_head.lora_a').and.to.include('model.layers.1.self_attn.q_proj.lora_b');
    });
    const config = JSON.parse(readFileSync(folder.join('adapter_config.json'), 'utf8'));
    expect(config.lora_parameters.keys).to.deep.equal(['lm_head', 'self_attn.q_proj']);
  });

  it('does not go to mlx-lm where a layer has no place there', async () => {
    const values = { model: { path: fixture('bloom') }, adapter: { method: 'lora' } };
    await withModel(values, async (model) => {
      const written = () => writeMlxAdapter(model, folder.path, 'f32', async () => undefined);
      await expectError(written, 'ADAPTER_INVALID', 'but transformer.h.0.self_attention.query_key_value has');
    });
    expect(readdirSync(folder.path)).to.deep.equal([]);
  });

  it('is refused where there is none', async () => {
    const { status, stderr } = await run('--format', 'gguf-adapter', '--output', 'out');
    expect(status).to.equal(2);
    expect(stderr).to.include('no adapter that could be written alone');
    expect(existsSync(folder.join('out'))).to.equal(false);
  });
});

describe('a GGUF file', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  const run = (output: string) =>
    evolveShared(
      ['export', '--model', fixture('llama'), '--format', 'gguf', '--device', 'portable', '--output', output],
      { cwd: folder.path },
    );

  it('has the name that --output says, and tells name, type and size; it is not written over', async () => {
    const { status, stderr } = await run('place/model.gguf');
    expect(status, stderr).to.equal(0);
    expect(readdirSync(folder.join('place'))).to.deep.equal(['model.gguf']);
    const { metadata } = readGgufFile(folder.join('place', 'model.gguf'));
    // As gguf.size_label has it for so many numbers.
    expect(metadata).to.include({
      'general.name': 'llama',
      'general.type': 'model',
      'general.size_label': '37K',
    });
    const again = await run('place/model.gguf');
    expect(again.status).to.equal(2);
    expect(again.stderr).to.include('place/model.gguf is there already');
  });
});
