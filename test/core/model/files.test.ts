import { cpSync, rmSync, symlinkSync } from 'node:fs';
import { expect } from 'chai';
import { withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';

describe('the files of a model', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
    cpSync(fixture('llama'), folder.join('model'), { recursive: true });
  });
  afterEach(() => folder.remove());

  const load = () => withModel({ model: { path: folder.join('model') } }, (model) => model.backbone);
  /** As in a cache of downloads whose larger files were taken away. */
  const link = (name: string) => {
    rmSync(folder.join('model', name), { recursive: true });
    symlinkSync('../blobs/4d7a2146', folder.join('model', name));
  };

  for (const [name, code] of [
    ['model.safetensors', 'CHECKPOINT_INVALID'],
    ['config.json', 'MODEL_INVALID'],
    ['tokenizer.json', 'MODEL_INVALID'],
  ] as const)
    it(`may be links; where one leads nowhere the error says so: ${name}`, async () => {
      const told = 'is a link to ../blobs/4d7a2146, which is not there';
      link(name);
      await expectError(load, code, name, told, 'Put back what the link leads to');
    });

  it('may be in a folder that is itself such a link', async () => {
    link('');
    await expectError(load, 'MODEL_UNKNOWN', 'model is a link to ../blobs/4d7a2146, which is not there');
  });

  it('may have links beside them that lead nowhere', async () => {
    symlinkSync('nowhere', folder.join('model', 'README.md'));
    expect(await load()).to.equal('llama');
  });
});
