/**
 * What the main job must have done; run after README.md's first line (`npm run test:main-job`). Apart from the other
 * tests since the job takes minutes.
 */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { evolve } from './support/cli.js';
import { ROOT } from './support/files.js';
import { readJson, readSteps } from './support/runs.js';

const runOf = (name: string) => path.join(ROOT, 'runs', name);

/** That it ran to its end and learned. */
function expectLearned(run: string): void {
  const { status, steps } = readJson(run, 'run.json');
  expect(status).to.equal('completed');
  const losses = readSteps(run).map((event) => event.loss);
  expect(losses).to.have.length(steps as number);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value) / values.length;
  const [first, last] = [mean(losses.slice(0, 10)), mean(losses.slice(-10))];
  const less = ((1 - last / first) * 100).toFixed(1);
  console.log(`      first ten steps ${first.toFixed(3)}, last ten ${last.toFixed(3)}: ${less} % less`);
  expect(last).to.be.at.most(0.8 * first);
}

describe('the main job', () => {
  const RUN = runOf('llama-alpaca-belle-cot');

  it('ran to the end and learned: the last ten steps lose at least 20 % less than the first ten', () =>
    expectLearned(RUN));

  it('left an adapter in which every B, zero at first, has changed', () => {
    const bytes = readFileSync(path.join(RUN, 'adapter', 'adapter_model.safetensors'));
    const dataStart = 8 + Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.toString('utf8', 8, dataStart)) as Record<
      string,
      { data_offsets: [number, number] }
    >;
    const bs = Object.entries(header).filter(([name]) => name.endsWith('lora_B.weight'));
    expect(bs).to.not.be.empty;
    for (const [name, { data_offsets: offsets }] of bs) {
      const part = bytes.subarray(dataStart + offsets[0], dataStart + offsets[1]);
      expect(
        part.some((byte) => byte !== 0),
        name,
      ).to.equal(true);
    }
  });

  it("answers README.md's questions right, in English and in Chinese", async () => {
    const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
    for (const [instruction, answer] of [
      ['What is the capital of France?', /Paris/],
      ['法国的首都是哪座城市？', /巴黎/],
      ['What is a banana?', /fruit/],
    ] as const) {
      expect(readme).to.include(`--instruction "${instruction}"`);
      const { status, stdout } = await evolve(['generate', '--run', RUN, '--instruction', instruction]);
      expect(status).to.equal(0);
      console.log(`      ${instruction} -> ${stdout.trim()}`);
      expect(stdout).to.match(answer);
    }
  });
});

describe('the main job of another backbone', () => {
  for (const name of ['bloom-alpaca-belle-cot', 'chatglm-alpaca-belle-cot']) {
    it(`${name} runs and learns as the LLaMA's does`, async () => {
      const { status, stderr } = await evolve(['run', `configs/${name}.yaml`]);
      expect(status, stderr).to.equal(0);
      expectLearned(runOf(name));
    });
  }
});
