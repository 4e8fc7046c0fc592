/** The planner's figures against what the device asks the (idle, emulated) card for, and what a step costs in JavaScript. */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { emulatedDriver } from '../../plugins/devices/cuda/emulated.js';
import { skip } from '../support/skip.js';
import type { Asked } from './idle.js';
import { type Job, plan } from './plan.js';

const IDLE = fileURLToPath(new URL('./idle.js', import.meta.url));
/** A 7B with fewer and narrower layers. */
const SMALL = { hidden: 512, wide: 1376, heads: 4, layers: 6, vocabulary: 4000, rows: 4, cutoff: 512 };

function askedFor(job: Job): Asked {
  const env = { ...process.env, EVOLVE_EMULATED_IDLE: '1', EVOLVE_EMULATED_MEMORY: '64G' };
  const { stdout, stderr } = spawnSync(process.execPath, [IDLE, JSON.stringify(job)], {
    encoding: 'utf8',
    env,
  });
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  if (!last.startsWith('{')) throw new Error(stderr);
  return JSON.parse(last) as Asked;
}

describe('what a training step asks of a card', () => {
  before(function () {
    if (!existsSync(emulatedDriver()))
      skip(this, 'the emulated driver is not built, for want of a C++ compiler');
  });

  for (const storage of ['bf16', 'int8', 'nf4']) {
    it(`takes the planned memory with a base in ${storage}, and reads nothing but loss and norm`, () => {
      const job = { ...SMALL, storage, steps: 3 };
      const { peakBytes, reads } = askedFor(job);
      expect(peakBytes / plan(job).total).to.be.within(0.9, 1.1);
      expect(reads).to.equal(2);
    });
  }

  it('takes no more launches where rows are longer', () => {
    const job = { ...SMALL, storage: 'int8', steps: 2 };
    expect(askedFor({ ...job, cutoff: 256 }).launches).to.equal(askedFor(job).launches);
  });
});
