import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { evolveShared } from '../../support/shared-cli.js';

const GOOD = '{"instruction":"Name a color.","output":"Blue."}\n';
const BAD = '{"instruction":"Name a color."}\n';

describe('data.onBadRow', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  /** A run over these rows. */
  const run = (rows: string, onBadRow: string, format = 'alpaca') => {
    folder.write('rows.jsonl', rows);
    folder.write(
      'my.yaml',
      `model: { path: ${fixture('llama')} }
data: { sources: [{ path: rows.jsonl, format: ${format} }], cutoffLength: 256, validationSize: 0, onBadRow: ${onBadRow} }
train: { maxSteps: 1, warmupSteps: 0, gradientAccumulationSteps: 1 }
device: portable
output: run
`,
    );
    return evolveShared(['run', 'my.yaml'], { cwd: folder.path });
  };

  it('leaves faulty records out, tells the first ten, and lists all in the output folder', async () => {
    const { status, stdout, stderr } = await run(GOOD.repeat(20) + BAD.repeat(12), 'skip');
    expect(status, stderr).to.equal(0);
    expect(stdout + stderr).to.match(/12 of 32 records are faulty, and left out .*skipped\.jsonl/);
    expect(stdout + stderr).to.match(
      /rows\.jsonl, record 30, line 30, byte \d+: "output" is missing\n {2}… and 2 more/,
    );
    const listed = readFileSync(folder.join('run', 'skipped.jsonl'), 'utf8').trimEnd().split('\n');
    expect(listed).to.have.lengthOf(12);
    const [first] = listed.map((line) => JSON.parse(line));
    expect(first).to.deep.equal({
      source: 'rows.jsonl',
      where: `record 21, line 21, byte ${20 * GOOD.length + 1}`,
      fault: '"output" is missing',
    });
  });

  it('leaves out what the template cannot express', async () => {
    const chat = (...roles: string[]) =>
      `${JSON.stringify({ messages: roles.map((role) => ({ role, content: 'x' })) })}\n`;
    const rows = chat('user', 'assistant').repeat(5) + chat('user', 'user', 'assistant');
    const { status, stdout, stderr } = await run(rows, 'skip', 'chat');
    expect(status, stderr).to.equal(0);
    expect(stdout + stderr).to.include('rows.jsonl, example 6: turn 2 of 3 is by "user"');
  });

  it('ends where more are faulty than the share allows, or if nothing is allowed', async () => {
    const rows = GOOD.repeat(9) + BAD;
    expect((await run(rows, '{ skip: 0.1 }')).status).to.equal(0);
    const { status, stderr } = await run(rows + BAD, '{ skip: 0.1 }');
    expect(status).to.equal(2);
    expect(stderr).to.match(/my\.yaml:2:\d+: 2 of 11 records are faulty \(18\.18 %\), .* 10 %/);
    expect((await run(rows, 'stop')).status).to.equal(2);
  });
});
