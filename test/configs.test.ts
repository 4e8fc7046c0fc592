import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { readStudy } from '../core/commands/study/study-file.js';
import { variantsOf } from '../core/commands/study/variants.js';
import { loadConfig } from '../core/config/load.js';
import { resolveSources } from '../core/data/sources.js';
import { loadPlugins } from '../core/plugins/load.js';
import { ROOT } from './support/files.js';

const all = readdirSync(path.join(ROOT, 'configs'), { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.yaml'),
);
const files = all.filter((name) => !name.startsWith('studies/'));
const studies = all.filter((name) => name.startsWith('studies/'));

describe('configs/', () => {
  for (const name of files) {
    it(`${name} is valid, and its header says how to run it`, async () => {
      const file = path.join(ROOT, 'configs', name);
      const { config, locate } = await loadConfig(file);
      await loadPlugins(config, locate, { trackers: [] });
      expect(readFileSync(file, 'utf8')).to.match(new RegExp(`^# +npx evolve run configs/${name}`, 'm'));
      // What a pretraining run reads is made first, by the command that its header gives.
      if (config.data.edition === 'full' || name.startsWith('pretrain/')) return;
      expect(resolveSources(config.data)).to.not.be.empty;
      expect(readdirSync(config.model.path)).to.include('model.safetensors');
    });
  }

  for (const name of studies) {
    it(`${name} is a study whose variants are valid, and its header says how to run it`, async () => {
      const file = path.join(ROOT, 'configs', name);
      const study = await readStudy(file, undefined);
      expect((await variantsOf(study, undefined)).length).to.be.above(1);
      expect(readFileSync(file, 'utf8')).to.match(new RegExp(`^# +npx evolve study configs/${name}`, 'm'));
    });
  }

  const lora = { method: 'lora', r: 8, alpha: 16, dropout: 0.05 };
  const train = { perDeviceBatchSize: 4, gradientAccumulationSteps: 32, learningRate: 3e-4 };
  for (const [name, model, quantizer, adapter, own] of [
    [
      'llama-7b',
      'decapoda-research/llama-7b-hf',
      'int8',
      { ...lora, targetModules: ['q_proj', 'v_proj'] },
      train,
    ],
    [
      'bloomz-7b1-mt',
      'bigscience/bloomz-7b1-mt',
      'int8',
      { ...lora, targetModules: ['query_key_value'] },
      train,
    ],
    [
      'chatglm-6b',
      'THUDM/chatglm-6b',
      'none',
      { method: 'lora', r: 32, alpha: 32, dropout: 0.1, targetModules: ['query_key_value'] },
      { perDeviceBatchSize: 2, gradientAccumulationSteps: 32, learningRate: 2e-5 },
    ],
  ] as const) {
    it(`full/${name}-alpaca-belle-cot.yaml has the settings of Alpaca-CoT's command`, async () => {
      const file = path.join(ROOT, 'configs', 'full', `${name}-alpaca-belle-cot.yaml`);
      const { config } = await loadConfig(file);
      expect(config.model.path).to.equal(model);
      expect(config.quantizer).to.deep.equal({ name: quantizer });
      expect(config.adapter).to.deep.equal(adapter);
      expect(config.data.sources).to.deep.equal(['alpaca-belle-cot']);
      expect(config.data).to.include({
        edition: 'full',
        cutoffLength: 512,
        validationSize: 2000,
        shuffle: true,
      });
      expect(config.train).to.include({
        ...own,
        epochs: 1,
        warmupSteps: 100,
        maxGradNorm: 1,
        weightDecay: 0,
        seed: 42,
        evalEvery: 200,
        saveEvery: 200,
      });
    });
  }
});
