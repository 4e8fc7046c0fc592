import { cpSync, existsSync, truncateSync } from 'node:fs';
import { expect } from 'chai';
import { writerOf } from '../../../../core/run/lock.js';
import { evolve } from '../../../support/cli.js';
import { fixture, TemporaryFolder } from '../../../support/files.js';
import { describeNative } from '../../../support/native.js';
import { begin } from '../../../support/processes.js';
import { EIGHT_ROWS } from '../../../support/runs.js';

describeNative('a weights file that is cut short while it is in use', () => {
  it('ends the run with a line that says so', async () => {
    const folder = new TemporaryFolder();
    try {
      cpSync(fixture('llama'), folder.join('model'), { recursive: true });
      folder.write('rows.json', EIGHT_ROWS);
      const train = 'maxSteps: 50000, warmupSteps: 0, perDeviceBatchSize: 1, gradientAccumulationSteps: 1';
      folder.write(
        'my.yaml',
        `model: { path: ./model }
data: { sources: [{ path: rows.json, format: alpaca }], cutoffLength: 256, validationSize: 0 }
train: { ${train} }
device: native
`,
      );
      const run = begin(['run', 'my.yaml'], { cwd: folder.path });
      await run.until('step     2/50000');
      truncateSync(folder.join('model', 'model.safetensors'));
      const { status, stderr } = await run.end();
      expect(stderr).to.match(/^evolve: a weights file was cut short/);
      expect(status).to.equal(1);
      // Nothing claims that the run goes on, or ended in another way: there is no result, and the lock is free.
      expect(existsSync(folder.join('runs', 'my', 'run.json'))).to.equal(false);
      expect(writerOf(folder.join('runs', 'my'))).to.equal(undefined);
      const answer = await evolve(['generate', '--run', folder.join('runs', 'my'), '--instruction', 'Hi']);
      expect(answer.stderr).to.include('It was killed before it saved.');
    } finally {
      folder.remove();
    }
  });
});
