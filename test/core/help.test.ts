import { expect } from 'chai';
import { GENERATE_DEFAULTS } from '../../core/generation/options.js';
import { fixture, TemporaryFolder } from '../support/files.js';
import { evolveShared } from '../support/shared-cli.js';

describe('the command line', () => {
  it('tells the defaults of its options, and has examples', async () => {
    const { stdout } = await evolveShared(['generate', '--help']);
    const help = stdout.replace(/\s+/g, ' ');
    for (const [key, value] of Object.entries(GENERATE_DEFAULTS)) {
      if (key === 'temperature' || key === 'earlyStopping') continue;
      const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      expect(help).to.match(new RegExp(`${flag} <\\w+> [^-]*\\(default: ${value}[,)]`));
    }
    expect(help).to.include('Examples: evolve generate --run runs/mine');
    for (const command of ['run', 'merge', 'export']) {
      expect((await evolveShared([command, '--help'])).stdout).to.include(
        `evolve ${command} --run`.replace('run --run', 'run mine'),
      );
    }
    expect((await evolveShared(['run', '--help'])).stdout).to.include('native');
  });

  it('begins every error with its name, and tells those of arguments as JSON too', async () => {
    const { stdout, stderr, status } = await evolveShared(['run', 'mine.yaml', '--devise', 'x', '--json']);
    expect(status).to.equal(2);
    expect(stderr).to.match(/^evolve: unknown option '--devise'/);
    expect(JSON.parse(stdout)).to.deep.include({
      type: 'error',
      code: 'COMMAND_LINE',
      advice: '',
    });
    expect(JSON.parse(stdout).message).to.match(/^unknown option '--devise'/);
  });

  for (const [args, advice] of [
    [['mine.yaml'], 'a run is started by: evolve run mine.yaml'],
    [['train', 'mine.yaml'], 'evolve run CONFIG trains'],
    [['run', 'mine.yaml', '--epochs', '2'], '--set train.epochs=2'],
    [['run', 'mine.yaml', '--set', 'train.epochs', '=', '2'], 'without spaces'],
    [['generate', '--run', 'runs/mine', 'Name a fruit.'], '--instruction "Name a fruit."'],
  ] as const) {
    it(`says what was meant by \`evolve ${args.join(' ')}\``, async () => {
      const { stderr, status } = await evolveShared(args);
      expect(stderr).to.include(advice);
      expect(status).to.equal(2);
    });
  }

  it('ends merge and export with one event, done or error', async () => {
    const folder = new TemporaryFolder();
    try {
      const args = [
        '--model',
        fixture('llama'),
        '--output',
        folder.join('out'),
        '--device',
        'portable',
        '--json',
      ];
      const exported = await evolveShared(['export', '--format', 'safetensors', ...args]);
      expect(exported.status, exported.stderr).to.equal(0);
      expect(JSON.parse(exported.stdout)).to.deep.equal({ type: 'done', output: folder.join('out') });
      const merged = await evolveShared(['merge', ...args]);
      expect(merged.status).to.equal(2);
      expect(JSON.parse(merged.stdout)).to.include({ type: 'error', code: 'OUTPUT_FOLDER' });
    } finally {
      folder.remove();
    }
  });
});
