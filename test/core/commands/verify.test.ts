import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { composeTestRun, EIGHT_ROWS, type RunPlace, withRunPlace } from '../../support/runs.js';
import { evolveShared } from '../../support/shared-cli.js';

describe('evolve verify', () => {
  let place: RunPlace;
  withRunPlace((made) => {
    place = made;
  });

  const train = async (settings: object = {}) => {
    const { output, data } = place;
    const keys = { maxSteps: 4, saveEvery: 2, logEvery: 1, keepCheckpoints: 3, ...settings };
    const run = await composeTestRun({ output, data, validationSize: 2, train: keys });
    await run.trainer.run();
  };
  const verify = async (...options: string[]) => {
    const { status, stdout, stderr } = await evolveShared(['verify', place.output, ...options]);
    return { status, stdout, stderr };
  };
  /** All files with their contents' times. */
  const filesIn = (folder: string): string[] =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(path.join(folder, name)).isFile())
      .map((name) => `${name} ${statSync(path.join(folder, name)).mtimeMs}`)
      .sort();

  it('finds all as the run told, does steps once more to the digit, and changes nothing', async () => {
    await train();
    const before = filesIn(place.output);
    const { status, stdout } = await verify('--replay', '3', '--json');
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.filter(({ type, passed }) => type === 'check' && !passed)).to.deep.equal([]);
    expect(lines.map(({ check }) => check)).to.include.members(['tensors', 'rows', 'logits', 'replay']);
    expect(lines.find(({ check }) => check === 'replay').text).to.match(/^3 of 3 steps.* to the digit$/);
    expect(lines.at(-1)).to.deep.equal({ type: 'done', failed: 0 });
    expect(status).to.equal(0);
    expect(filesIn(place.output)).to.deep.equal(before);
  });

  it('does the steps after a checkpoint once more, and compares them', async () => {
    await train();
    const whole = await verify('--replay', '9', '--from', '2');
    expect(whole.stdout).to.match(/^pass {2}replay: 2 of 2 steps from the checkpoint of step 2/m);
    const none = await verify('--replay', '1', '--from', '3');
    expect(none.status).to.equal(2);
    expect(none.stderr).to.include('there is no checkpoint');
  });

  it('finds an adapter that is another one, and a metrics.jsonl that tells of other steps', async () => {
    await train();
    const file = path.join(place.output, 'adapter', 'adapter_model.safetensors');
    const bytes = readFileSync(file);
    bytes[bytes.length - 2] ^= 0x10;
    writeFileSync(file, bytes);
    const metrics = path.join(place.output, 'metrics.jsonl');
    if (existsSync(metrics)) {
      const text = readFileSync(metrics, 'utf8').replace(/("type":"step","step":1,.*?"loss":)/, '$11');
      writeFileSync(metrics, text);
    }
    const { status, stdout } = await verify('--replay', '1');
    expect(status).to.equal(1);
    expect(stdout)
      .to.match(/^FAIL {2}logits: /m)
      .and.match(/^FAIL {2}replay: step 1: loss /m);
  });

  it('finds that the data is no more what the run trained on', async () => {
    await train();
    writeFileSync(place.data, EIGHT_ROWS.replace('green', 'grey'));
    const { status, stdout } = await verify();
    expect(status).to.equal(1);
    expect(stdout)
      .to.match(/^FAIL {2}rows: they have other tokens than the run trained on/m)
      .and.match(/^pass {2}tensors: /m);
  });

  it('refuses what is no run', async () => {
    const { status, stderr } = await evolveShared(['verify', place.folder.path]);
    expect(status).to.equal(2);
    expect(stderr).to.include('no folder of a run that ended');
  });
});
