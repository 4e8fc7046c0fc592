/**
 * What every data format must do:
 *
 *     describeDataset('text', {
 *       file: 'data.jsonl',
 *       lines: ['{"text":"a"}'],
 *       examples: [{ kind: 'text', text: 'a' }],
 *       faulty: { line: '7', told: 'expected { text }' },
 *     });
 */

import { expect } from 'chai';
import type { DataSource, Example } from '../../core/index.js';
import type { Hooks } from '../../core/plugins/hooks.js';
import { type Choice, loadPlugin } from '../support/choice.js';
import { collect, expectError, lineAt } from '../support/errors.js';
import { TemporaryFolder } from '../support/files.js';
import { applyAlone } from '../support/plugins.js';

export interface DatasetFixture {
  /** A name of a file, whose ending the format may heed. */
  readonly file: string;
  /** Two records, a line each. */
  readonly lines: readonly [string, string];
  /** What becomes of them. */
  readonly examples: readonly Example[];
  /** A line that is no record, and what is said of it. */
  readonly faulty: { readonly line: string; readonly told: string };
  /** The built-in formats without which it reads nothing. */
  readonly beside?: readonly string[];
}

const BOM = '\uFEFF';

/** @param third the files of third parties' plugins */
export function describeDataset(name: string, fixture: DatasetFixture, third?: Choice): void {
  const { lines, examples, faulty, beside = [] } = fixture;

  describe(`the data format ${name}, of ${fixture.file}`, () => {
    let folder: TemporaryFolder;
    let hooks: Hooks;
    before(async () => {
      const others = await Promise.all(beside.map((other) => loadPlugin('datasets', other)));
      ({ hooks } = applyAlone(await loadPlugin('datasets', name, third), { beside: others }));
    });
    beforeEach(() => {
      folder = new TemporaryFolder();
    });
    afterEach(() => folder.remove());

    /** A source of this format with this content. */
    const sourceOf = (content: string): DataSource => {
      const path = folder.write(fixture.file, content);
      return { name: path, path, format: name, index: 0 };
    };
    const open = async (source: DataSource): Promise<AsyncIterable<Example>> => {
      const opened = await hooks.loadData.promise(source);
      if (!opened) throw new Error('it does not know its own format');
      return opened;
    };

    for (const [what, content] of [
      ['line by line', lines.join('\n')],
      ['with a byte order mark, CRLF and empty lines', `${BOM}${lines.join('\r\n\r\n')}\r\n`],
    ]) {
      it(`reads a file ${what}`, async () => {
        expect(await collect(await open(sourceOf(content)))).to.deep.equal(examples);
      });
    }

    it('reads the same again, side by side too, also where it was left in the midst', async () => {
      const source = sourceOf(lines.join('\n'));
      for await (const example of await open(source)) {
        expect(example).to.deep.equal(examples[0]);
        break;
      }
      const [first, second] = await Promise.all([open(source), open(source)]);
      expect(await Promise.all([collect(first), collect(second)])).to.deep.equal([examples, examples]);
    });

    it('tells all that is faulty at once, with file and line, after the records that are not', async () => {
      const source = sourceOf([lines[0], faulty.line, '', lines[1], faulty.line, ''].join('\n'));
      const read: Example[] = [];
      await expectError(
        async () => {
          for await (const example of await open(source)) read.push(example);
        },
        'DATA_RECORD',
        source.path ?? '',
        lineAt(2, faulty.told),
        lineAt(5, faulty.told),
      );
      expect(read).to.deep.equal(examples);
    });

    it('leaves other formats, and sources without a file, to others', async () => {
      const source = sourceOf(lines.join('\n'));
      expect(await hooks.loadData.promise({ ...source, format: 'other' })).to.equal(undefined);
      expect(await hooks.loadData.promise({ ...source, path: undefined })).to.equal(undefined);
    });
  });
}
