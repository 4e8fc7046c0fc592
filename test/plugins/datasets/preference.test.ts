import { expect } from 'chai';
import type { DataSource } from '../../../core/index.js';
import { compose, readSource } from '../../support/compose.js';
import { expectError, recordAt } from '../../support/errors.js';
import { TemporaryFolder } from '../../support/files.js';
import { LLAMA } from '../../support/llama-fixture.js';

const said = (role: string, content: string) => ({ role, content });
const PAIR = { prompt: 'Q', chosen: 'A', rejected: 'B' };
const EXAMPLE = { kind: 'preference', prompt: { instruction: 'Q', input: '' }, chosen: 'A', rejected: 'B' };

describe('the dataset format preference', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());
  const read = (records: readonly unknown[], further: Partial<DataSource> = {}) => {
    const path = folder.write('data', JSON.stringify(records));
    return readSource({ name: 'data', path, format: 'preference', index: 0, ...further });
  };

  it('reads texts, messages, and whole conversations', async () => {
    const whole = (answer: string) => [said('user', 'Q'), said('assistant', answer)];
    for (const record of [
      PAIR,
      { instruction: 'Q', chosen: 'A', rejected: 'B' },
      {
        conversations: [{ from: 'human', value: 'Q' }],
        chosen: { from: 'gpt', value: 'A' },
        rejected: { from: 'gpt', value: 'B' },
      },
      { prompt: 'Q', chosen: whole('A'), rejected: whole('B') },
      { chosen_messages: whole('A'), rejected_messages: whole('B') },
    ])
      expect(await read([record])).to.deep.equal([EXAMPLE]);
    const turns = [said('system', 'S'), said('user', 'Q')];
    expect(await read([{ messages: turns, chosen: 'A', rejected: 'B' }])).to.deep.equal([
      { ...EXAMPLE, prompt: { turns } },
    ]);
  });

  it('gives the chosen answers as conversations where the source takes these', async () => {
    expect(await read([PAIR], { take: 'chosen' })).to.deep.equal([
      {
        kind: 'turns',
        turns: [
          { ...said('user', 'Q'), trained: false },
          { ...said('assistant', 'A'), trained: true },
        ],
      },
    ]);
  });

  it('names what is missing', () =>
    expectError(
      () => read([PAIR, { prompt: 'Q', chosen: 'A' }, { chosen: 'A', rejected: 'B' }]),
      'DATA_RECORD',
      recordAt(2, 'expected chosen and rejected'),
      recordAt(3, 'there is no prompt'),
    ));

  it('is refused in ordinary training, with what to do', async () => {
    const [example] = await read([PAIR]);
    const { assembler } = await compose({ model: { path: LLAMA.path } });
    const { encode } = await assembler.loadEncoder();
    await expectError(() => encode(example, 512), 'DATA_RECORD', 'preference pairs', 'take: chosen');
  });
});
