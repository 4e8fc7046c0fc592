import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import { maskedChecksum } from '../../../plugins/trackers/tensorboard/records.js';
import { compose } from '../../support/compose.js';
import { plainCrc32c, readEvents } from '../../support/event-file.js';
import { TemporaryFolder } from '../../support/files.js';
import { askPython } from '../../support/python.js';
import { EVAL, RESULT, START, STEP } from '../../support/sample-events.js';
import { skip } from '../../support/skip.js';

/** What read_events.py prints. */
interface Shown {
  readonly scalars: Readonly<Record<string, readonly (readonly [number, number])[]>>;
  readonly texts: Readonly<Record<string, { plugin: string; step: number; text: string }>>;
}

describe('the tracker tensorboard', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  const files = () =>
    readdirSync(folder.path)
      .filter((name) => name.startsWith('events.'))
      .sort();
  /** A run of these steps, with an evaluation before the first and after the last. */
  const track = async (from: number, to: number, loss: (step: number) => number) => {
    const { hooks } = await compose({ output: folder.path, trackers: ['tensorboard'] });
    hooks.log.call({ ...START, ...(from > 0 && { resumedFrom: from }) });
    if (from === 0) hooks.log.call({ ...EVAL, step: 0 });
    for (let step = from + 1; step <= to; step++) {
      const bySource = { 'alpaca 中文': { loss: 2 * loss(step), targets: 7 } };
      hooks.log.call({ ...STEP, step, loss: loss(step), ...{ bySource } });
    }
    hooks.log.call({ ...EVAL, step: to, perplexity: 12.5, told: 'in words' });
    await hooks.done.promise(RESULT);
  };

  it('has the checksum that RFC 3720 gives for an example', () => {
    expect(plainCrc32c(Buffer.from('123456789'))).to.equal(0xe3069283);
    expect(plainCrc32c(Buffer.alloc(32))).to.equal(0x8a9136aa);
    // Turned and shifted by hand.
    expect(maskedChecksum(Buffer.alloc(32))).to.equal(
      (((0x8a9136aa >>> 15) | (0x8a9136aa << 17)) + 0xa282ead8) >>> 0,
    );
  });

  it('writes a framed event for every step and evaluation, with every number in it', async () => {
    folder.write('config.yaml', 'model:\n  path: x\n');
    await track(0, 300, (step) => 1 / step);
    const [file, ...others] = files();
    expect(others).to.deep.equal([]);
    const events = readEvents(folder.join(file));
    expect(events).to.have.length(304);
    expect(events[0]).to.deep.equal({ step: 0, version: 'brain.Event:2', values: {} });
    expect(events[1]).to.deep.equal({ step: 0, values: { config: '    model:\n      path: x\n    ' } });
    expect(events[2]).to.deep.equal({ step: 0, values: { 'eval/loss': 2.5 } });
    expect(events[302].step).to.equal(300);
    expect(events[302].values).to.have.all.keys([
      ...['epoch', 'gradNorm', 'learningRate', 'loss', 'memory', 'tokens', 'tokensPerSecond'].map(
        (name) => `train/${name}`,
      ),
      'train/bySource/alpaca 中文',
    ]);
    expect(events[302].values['train/loss']).to.equal(Math.fround(1 / 300));
    expect(events[303].values).to.deep.equal({ 'eval/loss': 2.5, 'eval/perplexity': 12.5 });
  });

  it('begins a further file where a run goes on, which says from where', async () => {
    await track(0, 5, () => 1);
    await track(3, 6, () => 2);
    const [, second] = files().map((name) => readEvents(folder.join(name)));
    expect(second.slice(0, 3).map(({ step, restarts }) => [step, restarts])).to.deep.equal([
      [0, undefined],
      [4, true],
      [4, undefined],
    ]);
  });

  it('writes what TensorBoard reads, of a run that went on too', async function () {
    const config = 'model:\n  path: x # ä\n';
    folder.write('config.yaml', config);
    // Steps 4 and 5 were done, but not saved, when the run was killed.
    await track(0, 5, () => 1);
    await track(3, 6, () => 2);
    const asked = askPython<Shown>('plugins/trackers/read_events.py', [folder.path], null);
    if ('missing' in asked) skip(this, asked.missing);
    const { scalars, texts } = asked.answer;
    expect(scalars['train/loss']).to.deep.equal([
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 2],
      [5, 2],
      [6, 2],
    ]);
    expect(scalars['train/bySource/alpaca 中文'].at(-1)).to.deep.equal([6, 4]);
    expect(scalars['eval/loss'].map(([step]) => step)).to.deep.equal([0, 6]);
    expect(texts.config.plugin).to.equal('text');
    expect(texts.config.text.replace(/^ {4}/gm, '')).to.equal(config);
  });

  it('writes nothing where it is not asked for', async () => {
    const { hooks } = await compose({ output: folder.path });
    for (const event of [START, STEP, EVAL]) hooks.log.call(event);
    expect(files()).to.deep.equal([]);
  });
});
