import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { LanguageModel } from '../../../core/index.js';
import { encoderOf, readFixture, withModel } from '../../support/compose.js';
import { fixture, ROOT, TemporaryFolder } from '../../support/files.js';
import { type ExpectedLlama, LLAMA, PEFT_ADAPTER } from '../../support/llama-fixture.js';
import { relativeError } from '../../support/numbers.js';
import { askPython, skipWithoutPython } from '../../support/python.js';
import { labelled } from '../../support/rows.js';
import { evolveShared } from '../../support/shared-cli.js';
import { EXPECTED } from '../../support/tokenizers.js';

const PASS = { training: false, seed: 0, checkpointing: false };
// Of the ids those that every fixture has.
const prompt = readFixture<ExpectedLlama>('llama', 'expected.json').prompt.filter((id) => id < 300);

function logitsOf(model: LanguageModel): Float32Array {
  const ids = Int32Array.from(prompt);
  const batch = model.collate([labelled(ids)]);
  return tf.tidy(() => model.logits(batch, PASS).dataSync().slice()) as Float32Array;
}

describe('export to GGUF', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  /** Runs `evolve export --format gguf`, which must do its work. */
  async function exportGguf(...args: string[]): Promise<void> {
    const command = ['export', ...args, '--format', 'gguf', '--device', 'portable'];
    const { status, stderr } = await evolveShared(command, { cwd: folder.path });
    expect(status, stderr).to.equal(0);
  }

  interface Found {
    readonly metadata: Record<string, unknown>;
    readonly types: Record<string, string>;
    /** Tensors that the package gguf would have stored otherwise. */
    readonly others: string[];
    readonly logits: number[][];
    readonly tokens: number[][];
  }
  /** What Python finds in the folders' files. */
  function loaded(texts: readonly string[], ...folders: string[]): Found {
    const asked = { ids: prompt, texts };
    const paths = folders.map((name) => folder.join(name));
    const found = askPython<Found>('core/commands/load_gguf.py', paths, asked);
    if ('missing' in found) throw new Error(found.missing);
    return found.answer;
  }

  const TEXTS = ['Hello, world!', 'Below is an instruction', '春天来了,花开了。', 'a 😀 b'];

  describe('in Python', () => {
    before(function () {
      skipWithoutPython(this, 'torch', 'transformers', 'gguf');
    });

    for (const [type, tolerance] of Object.entries({ f32: 1e-4, f16: 5e-3, bf16: 5e-2, q8_0: 0.3 })) {
      it(`is loaded by transformers and by the package gguf, ${type}`, async function () {
        this.timeout(300_000);
        const model = ['--model', fixture('llama'), '--adapter', fixture('peft-adapter')];
        await exportGguf(...model, '--type', type, '--output', 'out');
        expect(readdirSync(folder.join('out'))).to.deep.equal(['model.gguf']);
        await exportGguf(...model, '--output', 'plain');
        const { metadata, types, others, logits, tokens } = loaded(TEXTS, 'out', 'plain');
        expect(others).to.deep.equal([]);
        const adapted = await withModel({ model: LLAMA, adapter: PEFT_ADAPTER }, logitsOf);
        expect(relativeError(logits.flat(), adapted)).to.be.below(tolerance);
        expect(metadata).to.include({ 'general.architecture': 'llama', 'llama.attention.head_count_kv': 2 });
        expect(types).to.include({
          'blk.0.attn_norm.weight': 'F32',
          'blk.1.attn_q.weight': type.toUpperCase(),
        });
        const { tokenizer } = await encoderOf({ model: LLAMA });
        expect(tokens).to.deep.equal(TEXTS.map((text) => tokenizer.encode(text)));
      });
    }

    // transformers takes a Qwen3 in GGUF for one with heads of 128, whatever the file says.
    for (const base of ['mistral', 'qwen2', 'bloom']) {
      it(`is loaded by transformers as the model that it was, ${base}`, async function () {
        this.timeout(300_000);
        await exportGguf('--model', fixture(base), '--output', 'out');
        // Its tokenizer is of a kind that transformers does not expect of a small random model.
        const { logits } = loaded([], 'out');
        const ours = await withModel({ model: { path: fixture(base) } }, logitsOf);
        expect(relativeError(logits.flat(), ours)).to.be.below(1e-4);
      });
    }
  });

  /** Difficult texts, and some of those that the embedded models are trained on. */
  function manyTexts(): string[] {
    const records = JSON.parse(readFileSync(path.join(ROOT, 'data/samples/alpaca.json'), 'utf8'));
    const lines = readFileSync(path.join(ROOT, 'data/samples/belle.jsonl'), 'utf8').trimEnd().split('\n');
    const rows = [...records, ...lines.map((line) => JSON.parse(line))] as Record<string, string>[];
    return [...EXPECTED.texts, ...rows.map(({ instruction, output }) => `${instruction}\n\n${output}`)];
  }

  for (const [name, form] of [
    ['llama-tiny', { 'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.pre': 'default' }],
    ['bloom-tiny', { 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'bloom' }],
  ] as const) {
    describe(`of the embedded ${name}`, () => {
      const embedded = path.join(ROOT, 'data', 'models', name);

      it('is read again with the same scores of tokens and the same ids of texts', async () => {
        await exportGguf('--model', embedded, '--type', 'f16', '--output', 'out');
        const again = { path: folder.join('out', 'model.gguf') };
        const model = { path: embedded };
        const [own, other] = [
          (await encoderOf({ model })).tokenizer,
          (await encoderOf({ model: again })).tokenizer,
        ];
        for (const text of manyTexts()) expect(other.encode(text), text).to.deep.equal(own.encode(text));
        expect([other.startIds, other.eosId]).to.deep.equal([own.startIds, own.eosId]);
        expect(await withModel({ model: again }, logitsOf)).to.deep.equal(
          await withModel({ model }, logitsOf),
        );
      });

      it('is loaded by transformers and by the package gguf', async function () {
        this.timeout(300_000);
        skipWithoutPython(this, 'torch', 'transformers', 'gguf');
        await exportGguf('--model', embedded, '--output', 'out');
        // transformers cuts all byte-level BPE out of GGUF as GPT-2 does, whatever the file says.
        const texts = name === 'llama-tiny' ? manyTexts().slice(EXPECTED.texts.length) : [];
        const { metadata, logits, tokens } = loaded(texts, 'out');
        expect(metadata).to.include(form);
        const model = { path: embedded };
        expect(relativeError(logits.flat(), await withModel({ model }, logitsOf))).to.be.below(1e-3);
        const { tokenizer } = await encoderOf({ model });
        expect(tokens).to.deep.equal(texts.map((text) => tokenizer.encode(text)));
      });
    });
  }

  for (const base of ['llama', 'mistral', 'qwen2', 'qwen3', 'llama-tied', 'llama3', 'bloom']) {
    it(`is read again as the model that it was, ${base}`, async () => {
      const model = { path: fixture(base) };
      await exportGguf('--model', model.path, '--output', 'out');
      const again = { path: folder.join('out', 'model.gguf') };
      const encode = async (path: string) => {
        const { tokenizer } = await encoderOf({ model: { path } });
        return TEXTS.map((text) => tokenizer.encode(text));
      };
      expect(await withModel({ model: again }, logitsOf)).to.deep.equal(await withModel({ model }, logitsOf));
      expect(await encode(again.path)).to.deep.equal(await encode(model.path));
    });
  }

  it('is refused for what it has no key for', async () => {
    const args = ['export', '--model', fixture('bloom-odd'), '--format', 'gguf', '--output', 'out'];
    const { status, stderr } = await evolveShared([...args, '--device', 'portable'], { cwd: folder.path });
    expect(stderr)
      .to.include('apply_residual_connection_post_layernorm')
      .and.to.include('--format safetensors');
    expect(status).to.equal(2);
    expect(readdirSync(folder.path)).to.deep.equal([]);
  });

  it('begins as the format says', async () => {
    await exportGguf('--model', fixture('llama'), '--output', 'out');
    const bytes = readFileSync(folder.join('out', 'model.gguf'));
    expect(bytes.toString('latin1', 0, 4)).to.equal('GGUF');
    expect(bytes.readUInt32LE(4)).to.equal(3);
    expect(bytes.readBigUInt64LE(8)).to.equal(21n);
    expect(readdirSync(folder.path)).to.deep.equal(['out']);
  });
});
