import os from 'node:os';
import { expect } from 'chai';
import { coresOfQuota, usableCores } from '../../../../plugins/devices/native/cores.js';
import { TemporaryFolder } from '../../../support/files.js';

describe('the cores that a process may use', () => {
  let system: TemporaryFolder;
  beforeEach(() => {
    system = new TemporaryFolder();
  });
  afterEach(() => system.remove());

  /** The quota where the process is in these groups, and the system has these files. */
  function coresWith(groups: string, files: Record<string, string>): number {
    system.remove();
    for (const [name, text] of Object.entries({ 'proc/self/cgroup': groups, ...files }))
      system.write(name, text);
    return coresOfQuota(system.path);
  }

  it('are those of the machine at most, and at least one', () => {
    expect(usableCores()).to.be.within(1, os.availableParallelism());
  });

  it('are the quota of its control group, version 2', () => {
    expect(coresWith('0::/app\n', { 'sys/fs/cgroup/app/cpu.max': '150000 100000\n' })).to.equal(1.5);
    expect(coresWith('0::/app\n', { 'sys/fs/cgroup/app/cpu.max': 'max 100000\n' })).to.equal(Infinity);
  });

  it('are the smallest quota of the groups that its group lies in', () => {
    const files = {
      'sys/fs/cgroup/a/cpu.max': '300000 100000\n',
      'sys/fs/cgroup/a/b/cpu.max': '800000 100000\n',
      'sys/fs/cgroup/a/b/c/cpu.max': 'max 100000\n',
      'sys/fs/cgroup/other/cpu.max': '100000 100000\n',
    };
    expect(coresWith('0::/a/b/c\n', files)).to.equal(3);
  });

  it('are those of the container, whose group has another name outside', () => {
    const files = { 'sys/fs/cgroup/cpu.max': '200000 100000\n' };
    expect(coresWith('0::/\n', files)).to.equal(2);
    expect(coresWith('0::/docker/0123\n', files)).to.equal(2);
    expect(coresWith('0::/../0123\n', files)).to.equal(2);
  });

  it('are the quota of version 1, whatever its folder is called', () => {
    const files = (folder: string, quota: number) => ({
      [`sys/fs/cgroup/${folder}/cpu.cfs_quota_us`]: `${quota}\n`,
      [`sys/fs/cgroup/${folder}/cpu.cfs_period_us`]: '50000\n',
    });
    const groups = '5:memory:/m\n4:cpu,cpuacct:/app\n';
    expect(coresWith(groups, files('cpu,cpuacct/app', 125000))).to.equal(2.5);
    expect(coresWith(groups, files('cpu/app', 125000))).to.equal(2.5);
    expect(coresWith(groups, files('cpu', 25000))).to.equal(0.5);
    expect(coresWith(groups, files('cpu/app', -1))).to.equal(Infinity);
    expect(coresWith('3:cpuset:/app\n', files('cpuset/app', 25000))).to.equal(Infinity);
  });

  it('have no quota where the system tells of none', () => {
    expect(coresWith('0::/\n', {})).to.equal(Infinity);
    expect(coresOfQuota(system.join('nothing'))).to.equal(Infinity);
  });
});
