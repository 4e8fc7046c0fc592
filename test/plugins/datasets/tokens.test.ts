import { expect } from 'chai';
import type { DataSource, Encoder, LogEvent, TokensExample } from '../../../core/index.js';
import { encoderOf, readSource } from '../../support/compose.js';
import { expectError, lineAt } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';

describe('the dataset format tokens', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());

  const read = (records: readonly object[], further: Partial<DataSource> = {}, events: LogEvent[] = []) => {
    const path = folder.write('data', records.map((record) => JSON.stringify(record)).join('\n'));
    return readSource({ name: 'data', path, format: 'tokens', index: 0, ...further }, events) as Promise<
      TokensExample[]
    >;
  };
  const row = (inputIds: number[], ...spans: [number, number][]) => ({ kind: 'tokens', inputIds, spans });
  const inputs = { input_ids: [5, 6, 7, 8] };

  it('reads labels, masks, or neither, and prompts with their answers', async () => {
    const records = [
      [{ ...inputs, labels: [-100, 6, -100, 8] }, row([5, 6, 7, 8], [1, 2], [3, 4])],
      [{ ...inputs, assistant_masks: [0, 0, 1, 1] }, row([5, 6, 7, 8], [2, 4])],
      [{ ...inputs, text: 'further columns are let be' }, row([5, 6, 7, 8], [0, 4])],
    ] as const;
    for (const [record, expected] of records) expect(await read([record])).to.deep.equal([expected]);
    expect(await read([{ prompt_ids: [1, 2], completion_ids: [3] }])).to.deep.equal([row([1, 2, 3], [2, 3])]);
  });

  it('leaves off padding at either end', async () => {
    const padded = { input_ids: [0, 0, 5, 6], labels: [-100, -100, 5, 6], attention_mask: [0, 0, 1, 1] };
    expect(await read([padded])).to.deep.equal([row([5, 6], [0, 2])]);
    const behind = { input_ids: [5, 6, 0], attention_mask: [1, 1, 0] };
    expect(await read([behind])).to.deep.equal([row([5, 6], [0, 2])]);
  });

  it('takes columns under other names', async () => {
    const columns = { input_ids: 'ids', labels: 'targets' };
    expect(await read([{ ids: [5, 6], targets: [-100, 6] }], { columns })).to.deep.equal([
      row([5, 6], [1, 2]),
    ]);
  });

  it('is found by auto, which says so', async () => {
    const events: LogEvent[] = [];
    const record = { ...inputs, labels: inputs.input_ids, attention_mask: [1, 1, 1, 1] };
    expect(await read([record], { format: 'auto' }, events)).to.deep.equal([row([5, 6, 7, 8], [0, 4])]);
    expect(JSON.stringify(events)).to.include('rows in tokens').and.to.include('read as format: tokens');
  });

  it('names every record that is faulty', async () => {
    const faulty: [object, string][] = [
      [{ input_ids: 'a b' }, '"input_ids" is no list of whole numbers'],
      [{ input_ids: [1, 2.5] }, '"input_ids" is no list of whole numbers'],
      [{ input_ids: [1, -1] }, 'input_ids has -1 in place 2, which is no token'],
      [{ ...inputs, labels: [-100, 6, 7] }, 'there are 4 input_ids, but 3 values of labels'],
      [{ ...inputs, labels: [-100, 6, 6, -100] }, 'label 3 is 6, but the token there is 7'],
      [{ ...inputs, labels: [-100, -100, -100, -100] }, 'no token has a label'],
      [{ ...inputs, assistant_masks: [0, 1, 2, 1] }, 'mask has 2 in place 3; expected 0 or 1'],
      [{ ...inputs, attention_mask: [1, 0, 1, 1] }, 'attention_mask leaves out token 2'],
      [{ ...inputs, labels: [5, 6, 7, 8], attention_mask: [0, 1, 1, 1] }, 'token 1 has a label'],
      [{ prompt_ids: [1] }, 'expected { input_ids }'],
      [{ prompt_ids: [1], completion_ids: [] }, 'no token has a label'],
      [{ input_ids: [] }, 'no token has a label'],
    ];
    const told = faulty.slice(0, 10).map(([, message], i) => lineAt(i + 2, message));
    const records = [{ ...inputs }, ...faulty.map(([record]) => record)];
    await expectError(() => read(records), 'DATA_RECORD', `${faulty.length} faulty records`, ...told);
    await expectError(() => read([{ ...inputs }, ...records.slice(-2)]), 'DATA_RECORD', '2 faulty records');
  });

  describe('in rows', () => {
    const tokens = (inputIds: number[], ...spans: [number, number][]): TokensExample => ({
      kind: 'tokens',
      inputIds,
      spans,
    });
    for (const name of ['llama', 'bloom', 'chatglm2']) {
      it(`is taken as it is, and cut: ${name}`, async () => {
        const encoder = await encoderOf({ model: { path: fixture(name) } });
        const whole = encoder.encode(tokens([5, 6, 7, 8], [1, 2], [3, 4]), 10);
        expect([...whole.inputIds]).to.deep.equal([5, 6, 7, 8]);
        expect(whole.spans).to.deep.equal([
          [1, 2],
          [3, 4],
        ]);
        const cut = encoder.encode(tokens([5, 6, 7, 8], [0, 1], [2, 4]), 3);
        expect([...cut.inputIds]).to.deep.equal([5, 6, 7]);
        expect(cut.spans).to.deep.equal([
          [0, 1],
          [2, 3],
        ]);
        const { vocabularySize } = encoder.tokenizer;
        await expectError(
          () => encoder.encode(tokens([5, vocabularySize], [1, 2]), 10),
          'DATA_RECORD',
          `token 2 is ${vocabularySize}, but the tokens of this model are 0 to ${vocabularySize - 1}`,
        );
      });
    }

    it('has the markers of ChatGLM-6B in their places', async () => {
      const encoder: Encoder = await encoderOf({ model: { path: fixture('chatglm') } });
      const made = encoder.encode({ kind: 'instruction', instruction: 'a', input: '', output: 'b' }, 100);
      const inputIds = [...made.inputIds];
      const [[start, end]] = made.spans;
      const again = encoder.encode(tokens(inputIds, [start, end]), 100);
      expect(again).to.deep.equal(made);
      for (const wrong of [tokens([5, 6], [1, 2]), tokens(inputIds, [0, end])])
        await expectError(() => encoder.encode(wrong, 100), 'DATA_RECORD', '[gMASK]', '<sop>');
      await expectError(
        () => encoder.encode(tokens(inputIds, [start, end]), 2),
        'DATA_RECORD',
        'cutoffLength',
      );
    });
  });
});
