import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { evolve } from '../../support/cli.js';
import { ROOT } from '../../support/files.js';
import { findMpi } from '../../support/mpi.js';
import { skip } from '../../support/skip.js';

const folder = path.join(ROOT, 'plugins', 'worlds', 'mpi', 'examples');
const read = (name: string) => readFileSync(path.join(folder, name), 'utf8');

/** Tells whether `evolve run` takes the options in these words. */
async function expectRunOptions(words: readonly string[]): Promise<void> {
  const { stdout } = await evolve(['run', '--help']);
  for (const word of words.slice(words.indexOf('run')))
    if (word.startsWith('--')) expect(stdout, word).to.include(word);
}

describe('the files of plugins/worlds/mpi/README.md', () => {
  it('for Slurm are a script of bash that starts evolve once a task', async () => {
    expect(spawnSync('bash', ['-n', path.join(folder, 'slurm.sh')]).status).to.equal(0);
    const command =
      read('slurm.sh')
        .split('\n')
        .find((line) => line.startsWith('srun')) ?? '';
    expect(command).to.match(/^srun --mpi=pmix --kill-on-bad-exit=1 node_modules\/.bin\/evolve run /);
    await expectRunOptions(command.split(' '));
  });

  it('for Kubernetes are a job of as many workers as mpirun starts processes', async () => {
    const { apiVersion, kind, spec } = parse(read('mpijob.yaml'), { merge: true });
    expect([apiVersion, kind]).to.deep.equal(['kubeflow.org/v2beta1', 'MPIJob']);
    const { Launcher, Worker } = spec.mpiReplicaSpecs;
    const [{ args, volumeMounts }] = Launcher.template.spec.containers;
    expect(Number(args[args.indexOf('-n') + 1])).to.equal(Worker.replicas * spec.slotsPerWorker);
    await expectRunOptions(args);
    const [worker] = Worker.template.spec.containers;
    expect(worker.volumeMounts).to.deep.equal(volumeMounts);
  });

  it('name options that mpirun has', function () {
    const mpi = findMpi('Open MPI');
    if (!mpi) skip(this, 'there is no Open MPI');
    const { args } = parse(read('mpijob.yaml')).spec.mpiReplicaSpecs.Launcher.template.spec.containers[0];
    const options = args
      .slice(0, args.indexOf('/app/node_modules/.bin/evolve'))
      .filter((word: string) => word.startsWith('-'));
    const asRoot = process.getuid?.() === 0 ? ['--allow-run-as-root'] : [];
    const { stdout } = spawnSync(mpi.mpirun, [...asRoot, '--help', 'full'], { encoding: 'utf8' });
    for (const option of options) expect(stdout, option).to.include(option.replace(/^-+/, '-'));
  });

  it('for hosts have a host and its processes a line', () => {
    for (const line of read('hostfile').trim().split('\n')) expect(line).to.match(/^\S+ slots=\d+$/);
  });
});
