import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { compose } from '../../support/compose.js';
import { executeOnDisk, NO_DISK } from '../../support/disk.js';
import { TemporaryFolder } from '../../support/files.js';
import { EVAL, NOTICE, RESULT, SAVE, START, STEP } from '../../support/sample-events.js';
import { skip } from '../../support/skip.js';

describe('the tracker metrics', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());
  const tracked = () => compose({ output: folder.path }, { trackers: ['metrics'] });
  const file = () => folder.join('metrics.jsonl');

  it('writes a JSON line for every step and every evaluation, and for nothing else', async () => {
    const { hooks } = await tracked();
    for (const event of [START, NOTICE, STEP, EVAL, SAVE, { ...STEP, step: 8 }]) hooks.log.call(event);
    await hooks.done.promise(RESULT);
    const text = readFileSync(file(), 'utf8');
    expect(text.endsWith('\n')).to.equal(true);
    const lines = text.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).to.deep.equal([STEP, EVAL, { ...STEP, step: 8 }]);
  });

  it('has each line in the file at once, so that a run that is killed loses none', async () => {
    const { hooks } = await tracked();
    hooks.log.call(STEP);
    expect(readFileSync(file(), 'utf8')).to.equal(`${JSON.stringify(STEP)}\n`);
  });

  it('keeps what a plugin added to an evaluation', async () => {
    const { hooks } = await tracked();
    hooks.log.call({ ...EVAL, accuracy: 0.5 });
    expect(JSON.parse(readFileSync(file(), 'utf8'))).to.include({ accuracy: 0.5, evalLoss: 2.5 });
  });

  it('leaves no half line where the disk was full for a while', async function () {
    const modules = ['compose', 'sample-events'].map(
      (name) => new URL(`../../support/${name}.js`, import.meta.url).href,
    );
    const program = `
      import { rmSync } from 'node:fs';
      import { compose } from '${modules[0]}';
      import { EVAL, STEP } from '${modules[1]}';
      const { hooks } = await compose({ output: '.' }, { trackers: ['metrics'] });
      for (let step = 1; step < 9; step++) hooks.log.call({ ...STEP, step, note: 'x'.repeat(1500) });
      rmSync('filler');
      hooks.log.call(EVAL);`;
    const { status, stdout, stderr } = await executeOnDisk(
      {
        mount: folder.join('disk'),
        size: '8k',
        script: `cd ${folder.join('disk')} && head -c 4096 /dev/zero > filler && "$@" >&2 && cat metrics.jsonl`,
      },
      [process.execPath, '--input-type=module', '-e', program],
      {},
    );
    if (status === NO_DISK) skip(this, `no file system can be mounted here: ${stderr.trim()}`);
    expect(status, stderr).to.equal(0);
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map(({ type, step }) => [type, step])).to.deep.equal([
      ['step', 1],
      ['step', 2],
      [EVAL.type, EVAL.step],
    ]);
  });

  it('makes no file before there is something to write', async () => {
    const { hooks } = await tracked();
    hooks.log.call(START);
    expect(existsSync(file())).to.equal(false);
  });
});
