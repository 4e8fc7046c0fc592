import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { surviveKills } from '../../support/killed-run.js';
import { EIGHT_ROWS, readJson } from '../../support/runs.js';
import { evolveShared } from '../../support/shared-cli.js';

describe('evolve run --resume', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  it('goes on after kills to the adapter and the metrics of a run that nobody killed', () =>
    surviveKills(folder, { device: 'auto', kills: 2 }));

  it('takes a configuration, or the folder of a run, wherever that was moved', async () => {
    folder.write('rows.json', EIGHT_ROWS);
    const config = folder.write(
      'mine.yaml',
      stringify({
        model: { path: fixture('llama') },
        adapter: { r: 4 },
        data: { sources: [{ path: 'rows.json', format: 'alpaca' }] },
        train: { gradientAccumulationSteps: 1, maxSteps: 1 },
      }),
    );
    const cwd = folder.path;
    const run = (...args: string[]) => evolveShared(['run', ...args], { cwd });
    expect(await run(config)).to.include({ status: 0 });
    for (const [i, args] of [
      [config, '--resume'],
      ['--resume', config],
      ['--resume', path.join('runs', 'mine')],
    ].entries()) {
      const steps = i + 2;
      const result = await run(...args, '--set', `train.maxSteps=${steps}`);
      expect(result, result.stderr).to.include({ status: 0 });
      expect(result.stdout).to.include(`${steps} optimizer steps, of which ${steps - 1} are done`);
      expect(readJson(folder.join('runs', 'mine'), 'run.json')).to.include({ steps, resumedFrom: steps - 1 });
    }
  });

  for (const [args, ...texts] of [
    [[], 'expected a configuration, or --resume with the folder of a run'],
    [['--resume'], 'expected a configuration, or --resume with the folder of a run'],
    [['--resume', 'empty'], '--resume empty: it is no run', 'config.yaml'],
    [['--resume', 'nowhere'], '--resume nowhere: it is no run'],
  ] as [string[], ...string[]][]) {
    it(`says what is missing: evolve run ${args.join(' ')}`, async () => {
      mkdirSync(folder.join('empty'));
      const { status, stderr } = await evolveShared(['run', ...args], { cwd: folder.path });
      expect(status).to.equal(2);
      for (const text of texts) expect(stderr).to.include(text);
    });
  }
});
