import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { withLock } from '../../../../plugins/hubs/huggingface/lock.js';
import { execute } from '../../../support/cli.js';
import { TemporaryFolder } from '../../../support/files.js';

describe('a lock of the cache', () => {
  const never = new AbortController().signal;
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  it('lets one in at a time, and tells who waits', async () => {
    const file = folder.join('lock');
    let inside = 0;
    let most = 0;
    let waiting = 0;
    const enter = () =>
      withLock(
        file,
        never,
        () => waiting++,
        async () => {
          most = Math.max(most, ++inside);
          await sleep(20);
          inside--;
        },
      );
    await Promise.all([enter(), enter(), enter()]);
    expect({ most, waiting }).to.deep.equal({ most: 1, waiting: 2 });
    expect(existsSync(file)).to.equal(false);
  });

  it('is free after what it was held for has failed', async () => {
    const file = folder.join('lock');
    const failing = withLock(
      file,
      never,
      () => {},
      () => Promise.reject(new Error('no')),
    );
    expect(await failing.catch((error: Error) => error.message)).to.equal('no');
    expect(existsSync(file)).to.equal(false);
  });

  it('is taken from a process that is no more', async () => {
    const { stdout } = await execute(process.execPath, ['-p', 'process.pid']);
    const file = folder.write('lock', `${hostname()} ${stdout.trim()}`);
    let waited = false;
    await withLock(
      file,
      never,
      () => {
        waited = true;
      },
      async () => {},
    );
    expect(waited).to.equal(false);
  });

  it('is taken from a holder that gives no sign, who then leaves it to the one who took it', async () => {
    const file = folder.join('lock');
    const noticing = () => {};
    let isLeft = false;
    let taker: Promise<void> | undefined;
    const slow = withLock(file, never, noticing, () => {
      return new Promise((resolve) => {
        const use = async () => {
          resolve();
          await slow;
          isLeft = existsSync(file);
        };
        taker = withLock(file, never, noticing, use, 100);
      });
    });
    await slow;
    await taker;
    expect(isLeft).to.equal(true);
    expect(existsSync(file)).to.equal(false);
  });

  it('is waited for no longer than one likes', async () => {
    const file = folder.write('lock', `another-machine 1`);
    const interruption = new AbortController();
    const waiting = withLock(
      file,
      interruption.signal,
      () => interruption.abort(),
      async () => {},
    );
    expect(await waiting.catch((error: Error) => error.name)).to.equal('AbortError');
    expect(existsSync(file)).to.equal(true);
  });
});
