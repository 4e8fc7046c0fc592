import path from 'node:path';
import { expect } from 'chai';
import { cliOf } from '../../../support/cli.js';
import { executeOnDisk, NO_DISK } from '../../../support/disk.js';
import { fixture, TemporaryFolder } from '../../../support/files.js';
import { HubServer } from '../../../support/hub-server.js';
import { skip } from '../../../support/skip.js';

describe('a command with a model of a hub, on a small disk,', function () {
  this.timeout(120_000);
  let folder: TemporaryFolder;
  let hub: HubServer;
  let mount: string;

  beforeEach(async () => {
    folder = new TemporaryFolder();
    mount = folder.join('disk');
    hub = await HubServer.start(fixture('llama'));
  });

  afterEach(async () => {
    await hub.stop();
    folder.remove();
  });

  /** Generates with a cache on a disk of its own, of `size` bytes; `script` runs the command that is its "$@". */
  async function generateOnDisk(test: Mocha.Context, size: string, script: string) {
    const command = [...'generate --max-new-tokens 8 --device portable --model'.split(' '), hub.repository];
    const { status, stdout, stderr } = await executeOnDisk(
      { mount, size, script },
      [process.execPath, cliOf(), ...command, '--instruction', 'Name a color.'],
      { HF_ENDPOINT: hub.endpoint, HF_HOME: folder.join('hf'), HF_HUB_OFFLINE: '', HF_HUB_CACHE: mount },
    );
    if (status === NO_DISK) {
      skip(test, `no file system can be mounted here: ${stderr.trim()}`);
    }
    expect(status, stderr).to.equal(1);
    return { stdout, stderr };
  }

  it('fails on a disk that fills up, and leaves no file under a final name', async function () {
    hub.files.set('model.safetensors', Buffer.alloc(1_000_000, 7));
    hub.chunkDelay = 50;
    const blobs = path.join(mount, 'models--people--model', 'blobs');
    const partial = `${hub.hash('model.safetensors')}.evolve.incomplete`;
    // Filled once the download is under way.
    const script = [
      `(until ls ${blobs}/${partial}; do sleep 0.05; done; cat /dev/zero > ${mount}/filler) > ${folder.join('log')} 2>&1 &`,
      `"$@"; status=$?; wait; find ${mount} -type f -o -type l; exit $status`,
    ].join('\n');
    const { stdout, stderr } = await generateOnDisk(this, '2m', script);
    expect(stderr).to.match(/the disk is full: ENOSPC/);
    expect(stderr).to.include('Make room');
    const files = stdout.split('\n').map((file) => path.basename(file));
    expect(files).to.include(partial);
    expect(files).to.not.include(hub.hash('model.safetensors'));
    expect(files).to.not.include('model.safetensors');
  });

  it('says beforehand that there is no room for it', async function () {
    hub.files.set('model.safetensors', Buffer.alloc(5_000_000, 7));
    const { stderr } = await generateOnDisk(this, '2m', 'exec "$@"');
    expect(stderr).to.match(/people\/model needs 6 MB more, but the disk of .* has \d MB/);
    expect(hub.requestsFor('model.safetensors')).to.deep.equal([]);
  });
});
