import { expect } from 'chai';
import type { DataSource, TurnsExample } from '../../../core/index.js';
import { compose, readSource } from '../../support/compose.js';
import { expectError, recordAt } from '../../support/errors.js';
import { TemporaryFolder } from '../../support/files.js';
import { LLAMA } from '../../support/llama-fixture.js';

const system = { role: 'system', content: 'Be brief.', trained: false };
const user = (content: string) => ({ role: 'user', content, trained: false });
const assistant = (content: string, trained = true) => ({ role: 'assistant', content, trained });
const TURNS = [user('Q'), assistant('A'), user('R'), assistant('B')];
const SAID = ['Q', 'A', 'R', 'B'];

describe('the dataset format chat', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());
  const read = (records: readonly unknown[], further: Partial<DataSource> = {}) => {
    const path = folder.write('data', JSON.stringify(records));
    const source = { name: 'data', path, format: 'chat', index: 0, ...further };
    return readSource(source) as Promise<TurnsExample[]>;
  };
  const messages = (role: string, content: string, roles: readonly [string, string]) =>
    SAID.map((said, i) => ({ [role]: roles[i % 2], [content]: said }));

  const forms: [what: string, record: object, turns?: readonly object[]][] = [
    ['ShareGPT', { conversations: messages('from', 'value', ['human', 'gpt']) }],
    [
      'OpenAI',
      {
        messages: [
          { role: 'system', content: 'Be brief.' },
          ...messages('role', 'content', ['user', 'assistant']),
        ],
      },
      [system, ...TURNS],
    ],
    [
      'parts',
      {
        messages: [
          { role: 'user', content: [{ type: 'text', text: 'Q' }] },
          {
            role: 'assistant',
            content: [
              { type: 'reasoning', value: 'hm' },
              { type: 'text', value: 'A' },
            ],
          },
        ],
      },
      [user('Q'), assistant('<think>\nhm\n</think>\n\nA')],
    ],
    ['UltraChat', { id: '0', data: SAID }],
    [
      'MOSS',
      {
        meta_instruction: 'Be brief.',
        chat: {
          turn_1: { Human: '<|Human|>: Q<eoh>', MOSS: '<|MOSS|>: A<eom>' },
          turn_2: { Human: '<|Human|>: R<eoh>\n', MOSS: '<|MOSS|>: B<eom>\n' },
        },
      },
      [system, ...TURNS],
    ],
    [
      'xtuner',
      {
        conversation: [
          { system: 'Be brief.', input: 'Q', output: 'A' },
          { input: 'R', output: 'B' },
        ],
      },
      [system, ...TURNS],
    ],
    [
      'pairs',
      {
        conversations: [
          ['Q', 'A'],
          ['R', 'B'],
        ],
      },
    ],
    ['lists without a name', messages('role', 'content', ['user', 'assistant'])],
    [
      'trees of OpenAssistant',
      {
        prompt: {
          text: 'Q',
          role: 'prompter',
          replies: [
            { text: 'Z', role: 'assistant', rank: 1, replies: [] },
            {
              text: 'A',
              role: 'assistant',
              rank: 0,
              replies: [{ text: 'R', role: 'prompter', replies: [{ text: 'B', role: 'assistant' }] }],
            },
          ],
        },
      },
    ],
  ];
  for (const [what, record, turns = TURNS] of forms) {
    it(`reads the form of ${what}`, async () => {
      expect(await read([record, record])).to.deep.equal([
        { kind: 'turns', turns },
        { kind: 'turns', turns },
      ]);
    });
  }

  it('reads calls of tools, their results, and what tools there are', async () => {
    const tools = [{ name: 'weather', description: 'Tells it.' }];
    const calls = [{ name: 'weather', arguments: { city: 'Paris' } }];
    const turns = [
      user('Weather?'),
      { ...assistant(''), calls },
      { role: 'tool', content: 'Rain.', trained: false },
      assistant('It rains.'),
    ].map((turn, i) => (i === 1 ? { ...turn, trained: true } : turn));
    const shareGpt = [
      { from: 'human', value: 'Weather?' },
      { from: 'function_call', value: JSON.stringify(calls[0]) },
      { from: 'observation', value: 'Rain.' },
      { from: 'gpt', value: 'It rains.' },
    ];
    const openAi = [
      { role: 'user', content: 'Weather?' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: '1', type: 'function', function: { name: 'weather', arguments: '{"city":"Paris"}' } },
        ],
      },
      { role: 'tool', tool_call_id: '1', content: 'Rain.' },
      { role: 'assistant', content: 'It rains.' },
    ];
    for (const record of [
      { conversations: shareGpt, tools: JSON.stringify(tools) },
      { messages: openAi, tools },
    ]) {
      expect(await read([record])).to.deep.equal([{ kind: 'turns', turns, tools }]);
    }
  });

  it('trains on the turns that the messages name', async () => {
    const named = [
      { role: 'user', content: 'Q' },
      { role: 'assistant', content: 'A', loss_weight: 0 },
      { role: 'user', content: 'R' },
      { role: 'assistant', content: 'B', train: true },
    ];
    expect(await read([{ messages: named }])).to.deep.equal([
      { kind: 'turns', turns: [user('Q'), assistant('A', false), user('R'), assistant('B')] },
    ]);
  });

  it('takes roles and columns as the source names them, and leaves off what nobody answers', async () => {
    const talk = messages('role', 'content', ['Frage', 'Antwort']);
    const source = { columns: { messages: 'talk' }, roles: { Frage: 'user', Antwort: 'assistant' } } as const;
    const record = { talk: [...talk, { role: 'Frage', content: 'And?' }] };
    expect(await read([record], source)).to.deep.equal([{ kind: 'turns', turns: TURNS }]);
  });

  it('names what is wrong with a conversation', async () => {
    const said = (...conversations: unknown[]) => ({ conversations });
    await expectError(
      () =>
        read([
          { conversations: messages('from', 'value', ['human', 'gpt']) },
          said({ from: 'nobody', value: 'b' }),
          said({ from: 'human', value: 'Q' }),
          said({ from: 'human', value: 7 }),
          said({ from: 'human', value: [{ type: 'image_url', image_url: {} }] }),
          said({ from: 'gpt', value: 'A', weight: 0.5 }),
          said({ from: 'function_call', value: '{' }),
          { text: 'x' },
          { conversations: [] },
        ]),
      'DATA_RECORD',
      recordAt(
        2,
        'message 1 is by "nobody", which is no known role (roles: { "nobody": user } says who it is)',
      ),
      recordAt(3, 'nobody answers'),
      recordAt(4, 'message 1 is no text, but 7'),
      recordAt(5, 'message 1 has a part of the type "image_url": text alone is trained on'),
      recordAt(6, 'message 1 has weight: 0.5'),
      recordAt(7, 'message 1 has a tool call that is no JSON'),
      recordAt(8, 'expected { conversations }, but got {"text":"x"}'),
      recordAt(9, 'the conversation is empty'),
    );
  });

  it('has labels for each answer that is trained on, with its end token', async () => {
    const [example] = await read([{ conversations: messages('from', 'value', ['human', 'gpt']) }]);
    const { assembler } = await compose({ model: { path: LLAMA.path } });
    const { tokenizer, encode } = await assembler.loadEncoder();
    const { inputIds, spans } = encode(example, 512);
    expect(
      spans.map(([from, to]) => tokenizer.decode([...inputIds.slice(from, to - 1)]).trim()),
    ).to.deep.equal(['A', 'B']);
    expect(spans.map(([, to]) => inputIds[to - 1])).to.deep.equal([tokenizer.eosId, tokenizer.eosId]);
  });

  it('is refused by a template that has no words for tools', async () => {
    const tools = [{ name: 'weather' }];
    const [example] = await read([{ conversations: messages('from', 'value', ['human', 'gpt']), tools }]);
    const { assembler } = await compose({ model: { path: LLAMA.path } });
    const { encode } = await assembler.loadEncoder();
    await expectError(
      () => encode(example, 512),
      'DATA_RECORD',
      'offers tools, for which the template "alpaca" has no words',
    );
  });
});
