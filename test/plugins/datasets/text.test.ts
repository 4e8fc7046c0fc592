import { expect } from 'chai';
import type { Example } from '../../../core/index.js';
import { compose } from '../../support/compose.js';
import { collect, expectError, lineAt } from '../../support/errors.js';
import { TemporaryFolder } from '../../support/files.js';

describe('the dataset format text', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  const read = async (content: string) => {
    const { hooks } = await compose();
    const path = folder.write('data.json', content);
    const examples = await hooks.loadData.promise({ name: path, path, format: 'text', index: 0 });
    return collect(examples as AsyncIterable<Example>);
  };

  it('reads lines and arrays of { text }; further keys are let be', async () => {
    const texts = [{ text: 'One line.\nAnother.' }, { text: '春天来了。' }];
    const examples = texts.map((text) => ({ kind: 'text', ...text }));
    expect(await read(JSON.stringify(texts))).to.deep.equal(examples);
    expect(
      await read(texts.map((text) => JSON.stringify({ ...text, source: 'x' })).join('\n')),
    ).to.deep.equal(examples);
  });

  it('names every record that is faulty', async () => {
    await expectError(
      () => read('{"text":"a"}\n{"txt":"b"}\n"c"\n{"text":7}\nnull\n{'),
      'DATA_RECORD',
      '4 faulty records',
      lineAt(2, 'expected { text }, but got {"txt":"b"}'),
      lineAt(4, '"text" is no text, but 7'),
      lineAt(5, 'expected { text }'),
      lineAt(6, 'is no JSON'),
    );
  });
});
