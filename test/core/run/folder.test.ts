import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { loadConfig } from '../../../core/config/load.js';
import { definePlugin, type Plugin } from '../../../core/plugins/plugin.js';
import { execute } from '../../support/cli.js';
import { expectError } from '../../support/errors.js';
import { fixture, type TemporaryFolder } from '../../support/files.js';
import { composeTestRun, readJson, readSteps, withRunPlace } from '../../support/runs.js';
import { evolveShared } from '../../support/shared-cli.js';
import { skip } from '../../support/skip.js';

describe('the output folder', () => {
  let folder: TemporaryFolder;
  let data: string;
  let output: string;
  withRunPlace((place) => {
    ({ folder, data, output } = place);
  });

  const train = { maxSteps: 2 };

  it('is claimed before the run is told to start', async () => {
    const there: boolean[] = [];
    const looking = definePlugin({
      name: 'looking',
      apiVersion: 2,
      apply({ hooks }) {
        hooks.log.tap((event) => {
          if (event.type === 'start') there.push(existsSync(path.join(event.output, 'config.yaml')));
        });
      },
    }) as Plugin;
    await (await composeTestRun({ output, data, train }, [looking])).trainer.run();
    expect(there).to.deep.equal([true]);
  });

  it('takes a folder in which a run was killed before its configuration was there', async () => {
    mkdirSync(output);
    writeFileSync(`${output}/config.yaml.partial`, 'model:');
    writeFileSync(`${output}/run.lock`, JSON.stringify({ pid: 2 ** 22 + 1, host: hostname() }));
    const { status } = await (await composeTestRun({ output, data, train })).trainer.run();
    expect(status).to.equal('completed');
    expect(existsSync(`${output}.1`)).to.equal(false);
    expect(existsSync(`${output}/config.yaml.partial`)).to.equal(false);
  });

  it('gives an earlier run that was killed between two renames its adapter back', async () => {
    await (await composeTestRun({ output, data, train })).trainer.run();
    renameSync(`${output}/adapter`, `${output}/adapter.previous`);
    const question = ['--instruction', 'x', '--max-new-tokens', '1'];
    const answer = await evolveShared(['generate', '--run', output, ...question]);
    expect(answer.status, answer.stderr).to.equal(0);

    const run = await composeTestRun({ output, data, train });
    await run.trainer.run();
    const notices = run.events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));
    expect(notices.join('\n')).to.include('its adapter is that of the save before');
    expect(readdirSync(`${output}.1`).sort()).to.deep.equal([
      'adapter',
      'checkpoints',
      'config.yaml',
      'metrics.jsonl',
      'plan.json',
      'run.json',
    ]);
  });

  it('has a config.yaml that does the run again in that folder, also where it began with its own adapter', async () => {
    await (await composeTestRun({ output, data, train })).trainer.run();
    const adapter = { init: `${output}/adapter` };
    await (await composeTestRun({ output, data, train, adapter })).trainer.run();
    const losses = readSteps(output).map(({ loss }) => loss);
    const { config } = await loadConfig(`${output}/config.yaml`);
    expect(config.output).to.equal(output);
    expect(config.adapter.init).to.equal(`${output}.1/adapter`);

    const { status, stderr } = await execute(process.execPath, [
      path.resolve('.build/core/cli.js'),
      ...['run', `${output}/config.yaml`],
    ]);
    expect(status, stderr).to.equal(0);
    expect(readSteps(output).map(({ loss }) => loss)).to.deep.equal(losses);
    expect(existsSync(`${output}.2/config.yaml`)).to.equal(true);
  });

  describe('is refused, with the reason, where it', () => {
    const refused = async (to: string, ...texts: string[]) => {
      const run = await composeTestRun({ output: to, data, train });
      await expectError(() => run.trainer.run(), 'OUTPUT_FOLDER', ...texts);
      const merge = ['export', '--format', 'safetensors', '--model', fixture('llama'), '--output', to];
      const { status, stderr } = await evolveShared(merge);
      expect(stderr).to.include(texts[0]);
      expect(status).to.equal(2);
    };

    it('is a link to nothing', async () => {
      symlinkSync(folder.join('nowhere'), output);
      await refused(output, `is a link to ${folder.join('nowhere')}, which is not there`);
      await refused(path.join(output, 'deeper'), 'is a link to');
    });

    it('lies below a file', () => refused(path.join(data, 'run'), 'rows.json', 'is no folder'));

    it('lies where the system takes no folders', async function () {
      if (!existsSync('/proc/self')) skip(this, 'there is no /proc, in which no folder can be made');
      await refused('/proc/evolve/run', '/proc cannot be written');
    });
  });

  it('goes to the home folder where a person writes ~', async () => {
    folder.write(
      'my.yaml',
      `model: { path: ${fixture('llama')} }
data: { sources: [{ path: $HOME/rows.json, format: alpaca }], cutoffLength: 256, validationSize: 0 }
train: { maxSteps: 1, warmupSteps: 0, gradientAccumulationSteps: 1 }
device: portable
`,
    );
    const cwd = folder.join('elsewhere');
    folder.write('elsewhere/x', '');
    const env = { HOME: folder.path };
    const ran = await evolveShared(['run', '../my.yaml', '--output', '~/mine'], { cwd, env });
    expect(ran.status, ran.stderr).to.equal(0);
    expect(readJson(folder.path, 'mine', 'run.json')).to.include({ status: 'completed' });
    expect(readdirSync(cwd)).to.deep.equal(['x']);
  });

  it('is not waited for: a pipe that nobody writes into (evolve generate)', async () => {
    await execute('mkfifo', [folder.join('pipe.txt')]);
    const args = ['generate', '--model', fixture('llama'), '--input-file', 'pipe.txt'];
    const { status, stderr } = await evolveShared(args, { cwd: folder.path });
    expect(stderr).to.match(/pipe\.txt.*is a pipe/);
    expect(status).to.equal(2);
  });
});
