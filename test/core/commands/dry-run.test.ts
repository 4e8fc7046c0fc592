import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { EIGHT_ROWS } from '../../support/runs.js';
import { evolveShared } from '../../support/shared-cli.js';

describe('what a run will do', () => {
  let folder: TemporaryFolder;
  let config: string;
  beforeEach(() => {
    folder = new TemporaryFolder();
    const rows = folder.write('rows.json', EIGHT_ROWS);
    const values = {
      model: { path: fixture('llama') },
      data: { sources: [{ path: rows, language: 'en' }], cutoffLength: 256, validationSize: 2 },
      train: { perDeviceBatchSize: 1, gradientAccumulationSteps: 3, epochs: 2 },
      device: 'portable',
    };
    config = folder.write('run.yaml', stringify(values));
  });
  afterEach(() => folder.remove());
  const run = (...args: string[]) => evolveShared(args, { cwd: folder.path });

  it('is told by --dry-run, which writes nothing', async () => {
    const { stdout, status } = await run('run', config, '--dry-run');
    expect(status).to.equal(0);
    expect(stdout).to.match(/^rows +8 read, 6 to train on, 2 held out$/m);
    expect(stdout).to.match(/^cut +0 rows, by 0 tokens; 100\.0 % of the rows train their end token$/m);
    expect(stdout)
      .to.match(/^ +rows\.json +6 +[\d,]+ +[\d,]+$/m)
      .and.to.match(/^ +en +6 /m);
    expect(stdout).to.match(/^steps +4, of 3 rows$/m);
    expect(stdout)
      .to.match(/^memory +\d+ MiB: weights /m)
      .and.to.match(/^time +\d/m);
    expect(existsSync(folder.join('runs'))).to.equal(false);
    const { stdout: json } = await run('run', config, '--dry-run', '--json');
    const plan = JSON.parse(json.trimEnd().split('\n').at(-1) ?? '');
    expect(plan).to.deep.include({ type: 'plan', steps: 4 });
    expect(plan.hash)
      .to.match(/^[0-9a-f]{64}$/)
      .and.to.satisfy((hash: string) => stdout.includes(hash.slice(0, 16)));
    expect(plan.config.train.epochs).to.equal(2);
  });

  it('is planned in one process where there will be several, which is told', async () => {
    const { stdout, status } = await run('run', config, '--dry-run', '--processes', '3');
    expect(status).to.equal(0);
    expect(stdout).to.include('the plan is made in one process: each of the 3 takes its memory');
    expect(stdout).to.match(/^steps +4, of 3 rows$/m);
    const tooMany = await run('run', config, '--processes', '4');
    expect(tooMany.status).to.equal(2);
    expect(tooMany.stderr).to.include('--processes 4: a step has 3 rows');
  });

  it('is told of what is faulty as a run tells it', async () => {
    const { stderr, status } = await run('run', config, '--dry-run', '--set', 'data.validationSize=8');
    expect(stderr).to.include(
      '--set data.validationSize: data.validationSize is 8, which leaves none of the 8 rows',
    );
    expect(status).to.equal(2);
  });

  it('is shown row by row, in its order, by inspect', async () => {
    const { stdout } = await run('inspect', config, '--rows', '2');
    expect(stdout)
      .to.match(/^row 1 of 6, \d+ tokens of rows\.json$/m)
      .and.to.match(/^row 2 of 6, /m);
    expect(stdout).to.match(/### Response:⟦ It is .*<\/s>⟧$/m);
    const rows = async (...args: string[]) =>
      (await run('inspect', config, '--json', ...args)).stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
        .filter(({ type }) => type === 'row');
    const all = await rows('--rows', '6');
    expect(all).to.have.lengthOf(6);
    expect(await rows('--row', '4')).to.deep.equal([all[3]]);
    const held = await rows('--held-out');
    expect(held).to.have.lengthOf(2);
    const texts = new Set([...all, ...held].map(({ inputIds }) => inputIds.join()));
    expect(texts.size).to.equal(8);
    for (const { inputIds, labels } of all)
      expect(labels.every((label: number, i: number) => label === -100 || label === inputIds[i])).to.equal(
        true,
      );
    const beyond = await run('inspect', config, '--row', '7');
    expect(beyond.stderr).to.include('--row 7: there are 6 rows in a pass');
    expect(beyond.status).to.equal(2);
  });

  it('takes shares of sources, of which each needs a weight', async () => {
    const rows = folder.join('rows.json');
    const sources = [
      { path: rows, weight: 3, limit: 4 },
      { path: rows, weight: 1 },
    ];
    folder.write(
      'run.yaml',
      stringify({
        model: { path: fixture('llama') },
        data: { sources, validationSize: 0 },
        train: { perDeviceBatchSize: 1 },
        device: 'portable',
      }),
    );
    const { stdout } = await run('run', config, '--dry-run');
    expect(stdout).to.match(/^a pass +4 \+ 1 rows of the sources/m);
    folder.write(
      'run.yaml',
      stringify({ model: { path: fixture('llama') }, data: { sources: [sources[0], { path: rows }] } }),
    );
    const { stderr, status } = await run('run', config, '--dry-run');
    expect(stderr).to.match(/data\.sources\.1: expected a weight, as other sources have one/);
    expect(status).to.equal(2);
  });
});
