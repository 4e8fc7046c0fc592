import { mkdirSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { TemporaryFolder } from '../../support/files.js';
import { evolveShared } from '../../support/shared-cli.js';

describe('evolve device install', () => {
  const folder = new TemporaryFolder();
  after(() => folder.remove());

  const refused = async (args: readonly string[], status: number, ...parts: readonly string[]) => {
    const { status: found, stdout, stderr } = await evolveShared(['device', 'install', ...args]);
    for (const part of parts) expect(stderr).to.include(part);
    expect(stderr)
      .to.match(/^evolve: /)
      .and.not.match(/^ +at /m);
    expect({ status: found, stdout }).to.deep.equal({ status, stdout: '' });
  };

  it('names the devices that it can be asked of, and the one that may have been meant', async () => {
    await refused(['tensorflw'], 2, 'no device "tensorflw" (did you mean "tensorflow"?)');
    await refused(['portable'], 2, 'the device portable needs nothing installed', 'tensorflow');
  });

  it('says which Python it asked, and how to name another', async () => {
    const python = folder.join('no-python');
    await refused(
      ['tensorflow', '--python', python],
      1,
      `the Python ${python} cannot be asked for its TensorFlow: there is no such program`,
      '-m pip install tensorflow-cpu',
      '--python',
    );
  });

  it('says of a Python without TensorFlow that it has none', async () => {
    const python = folder.join('python');
    writeFileSync(python, '#!/bin/sh\necho\n', { mode: 0o755 });
    await refused(['tensorflow', '--python', python], 1, `the Python ${python} has no TensorFlow`);
  });

  it('says what a folder lacks that is no TensorFlow', async () => {
    const from = folder.join('lib');
    mkdirSync(from);
    await refused(
      ['tensorflow', '--from', from],
      1,
      'is no TensorFlow to build on',
      'libtensorflow_framework',
    );
  });
});
