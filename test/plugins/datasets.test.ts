import { deriveSeed, type Turn } from '../../core/index.js';
import { phrase } from '../../plugins/datasets/cot/phrasings.js';
import { type DatasetFixture, describeDataset } from '../contracts/dataset.js';
import { describeFamily } from '../contracts/family.js';
import { instruction } from '../support/examples.js';

const RECORDS = [
  { instruction: 'Name a color.', input: '', output: 'Blue.' },
  { instruction: '翻译。', input: '你好', output: 'Hello 😀' },
] as const;

const OF_RECORDS: DatasetFixture = {
  file: 'data.jsonl',
  lines: [JSON.stringify(RECORDS[0]), JSON.stringify(RECORDS[1])],
  examples: RECORDS.map(instruction),
  faulty: { line: '{"instruction":"x"}', told: '"output" is missing' },
};

const SEED_TASK = {
  instruction: '翻译成英文。',
  instances: [
    { input: '你好', output: 'hello' },
    { input: '', output: 'nothing' },
  ],
};

const ROWS = [
  { question: 'How many legs has a dog?', answer: 'four', rationale: 'Dogs are quadrupeds.' },
  { question: '几个？', answer: '四', rationale: '因为' },
] as const;

const SAID = [
  { from: 'system', value: 'Be brief.' },
  { from: 'human', value: 'A color?' },
  { from: 'gpt', value: 'Blue.' },
];
const TURNS: readonly Turn[] = [
  { role: 'system', content: 'Be brief.', trained: false },
  { role: 'user', content: 'A color?', trained: false },
  { role: 'assistant', content: 'Blue.', trained: true },
];

describeFamily('datasets', describeDataset, [
  ['alpaca', OF_RECORDS],
  [
    'belle',
    {
      ...OF_RECORDS,
      lines: [JSON.stringify(SEED_TASK), OF_RECORDS.lines[1]],
      examples: [
        ...SEED_TASK.instances.map((rest) => instruction({ instruction: SEED_TASK.instruction, ...rest })),
        OF_RECORDS.examples[1],
      ],
    },
  ],
  ['instruct', OF_RECORDS],
  [
    'dataset-info',
    {
      ...OF_RECORDS,
      examples: [
        instruction(RECORDS[0]),
        instruction({ instruction: '翻译。\n你好', input: '', output: RECORDS[1].output }),
      ],
    },
  ],
  ['auto', { ...OF_RECORDS, beside: ['instruct', 'text'] }],
  [
    'chat',
    {
      file: 'data.json',
      lines: [JSON.stringify({ conversations: SAID }), JSON.stringify({ conversations: SAID.slice(1) })],
      examples: [
        { kind: 'turns', turns: TURNS },
        { kind: 'turns', turns: TURNS.slice(1) },
      ],
      faulty: { line: '{"conversations":[]}', told: 'the conversation is empty' },
    },
  ],
  [
    'preference',
    {
      file: 'data.jsonl',
      lines: ['{"prompt":"Q","chosen":"A","rejected":"B"}', '{"prompt":"问","chosen":"好","rejected":"不"}'],
      examples: [
        { kind: 'preference', prompt: { instruction: 'Q', input: '' }, chosen: 'A', rejected: 'B' },
        { kind: 'preference', prompt: { instruction: '问', input: '' }, chosen: '好', rejected: '不' },
      ],
      faulty: { line: '{"prompt":"Q"}', told: 'expected chosen and rejected' },
    },
  ],
  [
    'tokens',
    {
      file: 'data.jsonl',
      lines: ['{"input_ids":[5,6,7],"labels":[-100,6,7]}', '{"input_ids":[8,9],"labels":[-100,9]}'],
      examples: [
        { kind: 'tokens', inputIds: [5, 6, 7], spans: [[1, 3]] },
        { kind: 'tokens', inputIds: [8, 9], spans: [[1, 2]] },
      ],
      faulty: {
        line: '{"input_ids":[5,6],"labels":[5]}',
        told: 'there are 2 input_ids, but 1 values of labels',
      },
    },
  ],
  ['cot', OF_RECORDS],
  [
    'cot',
    {
      file: 'set.tsv',
      lines: [Object.values(ROWS[0]).join('\t'), Object.values(ROWS[1]).join('\t')],
      examples: ROWS.map((row) => phrase(row, deriveSeed(0, row.question))),
      faulty: { line: 'only one', told: 'expected question, answer and rationale' },
    },
  ],
  [
    'text',
    {
      file: 'data.jsonl',
      lines: ['{"text":"One line.\\nAnother."}', '{"text":"春天来了。"}'],
      examples: [
        { kind: 'text', text: 'One line.\nAnother.' },
        { kind: 'text', text: '春天来了。' },
      ],
      faulty: { line: '{"txt":"b"}', told: 'expected { text }, but got {"txt":"b"}' },
    },
  ],
  [
    'sharegpt',
    {
      file: 'data.jsonl',
      lines: [
        JSON.stringify({ id: 'a', conversations: SAID }),
        JSON.stringify({ conversations: SAID.slice(1) }),
      ],
      examples: [
        { kind: 'turns', turns: TURNS },
        { kind: 'turns', turns: TURNS.slice(1) },
      ],
      faulty: {
        line: '{"conversations":[{"from":"nobody","value":"b"}]}',
        told: 'turn 1 is from "nobody"',
      },
    },
    'sharegpt.ts',
  ],
]);
