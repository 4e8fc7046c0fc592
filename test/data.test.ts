import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { resolveSources } from '../core/data/sources.js';
import { makeSamples } from '../data/make/samples.js';
import { compose, readData, withModel } from './support/compose.js';
import { fixture, ROOT } from './support/files.js';

const data = (...names: string[]) => path.join(ROOT, 'data', ...names);

describe('data/', () => {
  it('holds the samples that its script makes', () => {
    const { alpaca, belle, cot } = makeSamples();
    expect(readFileSync(data('samples', 'alpaca.json'), 'utf8')).to.equal(alpaca);
    expect(readFileSync(data('samples', 'belle.jsonl'), 'utf8')).to.equal(belle);
    expect(readFileSync(data('samples', 'cot.tsv'), 'utf8')).to.equal(cot);
  });

  it('has at least 120 examples in each of the three formats, in their languages, none twice', async () => {
    const { config } = await compose({ data: { sources: ['alpaca', 'belle', 'cot'] } });
    for (const { name, format, path: file } of resolveSources(config.data)) {
      const examples = await readData(format, file as string);
      expect(examples.length, name).to.be.at.least(120);
      expect(new Set(examples.map((example) => JSON.stringify(example))).size).to.equal(examples.length);
      const chinese = examples.filter(({ instruction }) => /\p{Script=Han}/u.test(instruction)).length;
      if (name === 'belle') expect(chinese).to.equal(examples.length);
      else expect(chinese).to.be.below(examples.length / 4);
    }
  });

  it('makes the names that combine others of their files', async () => {
    const filesOf = async (name: string) => {
      const { config } = await compose({ data: { sources: [name] } });
      return resolveSources(config.data).map((source) => path.basename(source.path as string));
    };
    expect(await filesOf('alpaca-belle-cot')).to.deep.equal(['alpaca.json', 'belle.jsonl', 'cot.tsv']);
    expect(await filesOf('alpaca-cot')).to.deep.equal(['alpaca.json', 'cot.tsv']);
    expect(await filesOf('belle1.5m')).to.deep.equal(['belle.jsonl']);
  });

  for (const [name, family] of [
    ['llama-tiny', 'llama-prepend'],
    ['bloom-tiny', 'bloom'],
  ]) {
    it(`has ${name}, whose tokenizer is LLaMA's or BLOOM's but for its tokens and merges`, () => {
      const formOf = (file: string) => {
        const { model, ...parts } = JSON.parse(readFileSync(file, 'utf8'));
        const { vocab, merges, ...settings } = model;
        return { ...parts, ...settings };
      };
      const reference = formOf(fixture('tokenizers', `${family}.json`));
      expect(formOf(data('models', name, 'tokenizer.json'))).to.deep.equal(reference);
    });
  }

  for (const name of readdirSync(data('models'))) {
    const folder = data('models', name);

    it(`has ${name}, of at most 6 MB`, () => {
      const sizes = readdirSync(folder).map((file) => statSync(path.join(folder, file)).size);
      expect(sizes.reduce((total, size) => total + size)).to.be.at.most(6_000_000);
    });

    it(`has ${name}, which knows both languages: far from a guess on text of its world`, () =>
      withModel({ model: { path: folder } }, (model, { encoder }) => {
        const guess = Math.log(encoder.tokenizer.vocabularySize);
        for (const text of ['The capital of France is Paris.', '法国的首都是巴黎。']) {
          const example = encoder.encode({ kind: 'text', text }, 256);
          // Without an end: documents of its world have more than one sentence.
          const spans = example.spans.map(([start, end]) => [start, end - 1] as const);
          const batch = model.collate([{ ...example, spans }]);
          const loss = tf.tidy(
            () => model.crossEntropy(batch, { training: false, seed: 0, checkpointing: false }).dataSync()[0],
          );
          expect(loss / batch.targets, text).to.be.below(guess / 4);
        }
      }));
  }
});
