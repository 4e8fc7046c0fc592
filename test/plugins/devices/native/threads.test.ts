import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { type BuildReport, buildFolder } from '../../../../plugins/devices/kit/build-report.js';
import { ROOT, TemporaryFolder } from '../../../support/files.js';
import { describeNative } from '../../../support/native.js';

const sanitizer = process.env.EVOLVE_SANITIZE ?? '';
// A sanitizer's library is in this process for the addon; compiler and program have no use for it.
const env = { ...process.env, LD_PRELOAD: '' };

describeNative("the native device's threads", () => {
  const folder = new TemporaryFolder();
  const program = folder.join('threads');

  before(() => {
    const { compiler } = JSON.parse(
      readFileSync(path.join(buildFolder(sanitizer), 'build.json'), 'utf8'),
    ) as BuildReport;
    const sources = path.join(ROOT, 'plugins', 'devices', 'native', 'src');
    const files = [
      path.join(sources, 'threads.cpp'),
      path.join(ROOT, 'test', 'plugins', 'devices', 'native', 'threads.cpp'),
    ];
    const flags = ['-std=c++20', '-O2', '-pthread', `-I${sources}`];
    if (sanitizer) flags.push(`-fsanitize=${sanitizer}`);
    execFileSync(compiler as string, [...flags, ...files, '-o', program], { env, stdio: 'pipe' });
  });

  after(() => folder.remove());

  const keeps = (promise: string) => {
    const { status, signal, stderr } = spawnSync(program, [promise], {
      encoding: 'utf8',
      env,
      timeout: 60000,
    });
    expect({ status, signal, stderr }).to.deep.equal({ status: 0, signal: null, stderr: '' });
  };

  it('call each index of a loop once', () => keeps('each index once'));
  it('leave a loop of little work to the caller', () => keeps('little work alone'));
  it('end a loop whose body throws, and go on', () => keeps('what a body throws'));
  it('begin no index after one that threw', () => keeps('none begun after a throw'));
  it('refuse a loop within a loop', () => keeps('no loop within a loop'));
  it('wait for none that is held up and took no index', () => keeps('no wait for who is held up'));
});
