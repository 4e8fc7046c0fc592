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

const RUN = path.join(ROOT, 'runs', 'llama-alpaca-belle-cot');

describe('the main job', () => {
  it('ran to the end and learned: the last ten steps lose at least 20 % less than the first ten', () => {
    const { status, steps } = readJson(RUN, 'run.json');
    expect(status).to.equal('completed');
    const losses = readSteps(RUN).map((event) => event.loss);
    expect(losses).to.have.length(steps as number);
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value) / values.length;
    const [first, last] = [mean(losses.slice(0, 10)), mean(losses.slice(-10))];
    console.log(
      `      first ten steps ${first.toFixed(3)}, last ten ${last.toFixed(3)}: ${((1 - last / first) * 100).toFixed(1)} % less`,
    );
    expect(last).to.be.at.most(0.8 * first);
  });

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

  it('answers in English and in Chinese', async () => {
    for (const [instruction, script] of [
      ['What is the capital of France?', /[a-z]{2,}/],
      ['法国的首都是哪里？', /\p{Script=Han}/u],
    ] as const) {
      const { status, stdout } = await evolve(['generate', '--run', RUN, '--instruction', instruction]);
      expect(status).to.equal(0);
      console.log(`      ${instruction} -> ${stdout.trim()}`);
      expect(stdout).to.match(script);
    }
  });
});
