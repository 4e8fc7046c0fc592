import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { makeConfig } from '../../../core/config/load.js';
import type { BadRow } from '../../../core/contracts/dataset.js';
import { resolveSources } from '../../../core/data/sources.js';
import type { Encoder, Example, Turn } from '../../../core/index.js';
import { encoderOf, readSource } from '../../support/compose.js';
import { fixture, ROOT } from '../../support/files.js';

interface Message {
  readonly role: string;
  readonly content: string;
}

/** What LLaMA-Factory's own code made of a record: test/fixtures/make_dataset_info.py. */
interface Expected {
  readonly prompt: Message[];
  readonly response: Message[];
  readonly system: string;
  readonly tools: string;
  /** Token ids of prompt and target, exchange by exchange. */
  readonly rows: [prompt: number[], target: number[]][] | null;
}

const FOLDER = fixture('dataset-info');
const EXPECTED: Record<string, Expected[]> = JSON.parse(readFileSync(`${FOLDER}/expected.json`, 'utf8'));

/** Our roles, as LLaMA-Factory calls them. */
function messageOf({ role, content, calls }: Pick<Turn, 'role' | 'content' | 'calls'>): Message {
  if (role === 'tool') return { role: 'observation', content };
  if (!calls) return { role, content };
  return { role: 'function', content: JSON.stringify(calls[0]) };
}

/** Calls are JSON however they are written. */
function normal({ role, content }: Message): Message {
  return { role, content: role === 'function' ? JSON.stringify(JSON.parse(content)) : content };
}

/** An example as LLaMA-Factory has it: what the system says, the messages before the answer, and the answers. */
function alignedOf(example: Example): Pick<Expected, 'prompt' | 'response' | 'system'> {
  switch (example.kind) {
    case 'text':
      return { system: '', prompt: [{ role: 'user', content: example.text }], response: [] };
    case 'instruction':
      return {
        system: '',
        prompt: [{ role: 'user', content: example.instruction }],
        response: [{ role: 'assistant', content: example.output }],
      };
    case 'turns': {
      const [first] = example.turns;
      const turns = first.role === 'system' ? example.turns.slice(1) : example.turns;
      const messages = turns.map(messageOf);
      expect(turns.every(({ role, trained }) => trained === (role === 'assistant'))).to.equal(true);
      return {
        system: first.role === 'system' ? first.content : '',
        prompt: messages.slice(0, -1),
        response: messages.slice(-1),
      };
    }
    case 'tokens':
      throw new Error('no description yields tokens');
    case 'preference': {
      const { prompt, chosen, rejected } = example;
      const asked =
        'turns' in prompt ? prompt.turns : [{ role: 'user' as const, content: prompt.instruction }];
      return {
        system: '',
        prompt: asked.map(messageOf),
        response: [chosen, rejected].map((content) => ({ role: 'assistant', content })),
      };
    }
  }
}

/** The token ids of prompt and target of each exchange. */
function rowsOf(example: Example, encoder: Encoder): Expected['rows'] {
  const { inputIds, spans } = encoder.encode(example, 10_000);
  return spans.map(([start, end], i) => {
    const from = i === 0 ? 0 : spans[i - 1][1];
    return [[...inputIds.slice(from, start)], [...inputIds.slice(start, end)]];
  });
}

describe('the format dataset-info', () => {
  let encoder: Encoder;
  before(async () => {
    encoder = await encoderOf({ model: { path: `${ROOT}/data/models/llama-tiny` } });
  });

  for (const [name, records] of Object.entries(EXPECTED))
    it(`makes of "${name}" what LLaMA-Factory makes of it, to the token`, async () => {
      const data = { sources: [{ datasetInfo: `${FOLDER}/dataset_info.json`, name }] };
      const [source] = resolveSources(makeConfig({ model: { path: '.' }, data }).data);
      const bad: BadRow[] = [];
      const examples = await readSource({ ...source, skip: (row) => bad.push(row) });
      // What it drops has neither prompt nor response.
      const kept = records.filter(({ prompt }) => prompt.length > 0);
      expect(bad).to.have.lengthOf(records.length - kept.length);
      expect(examples).to.have.lengthOf(kept.length);
      for (const [i, { prompt, response, system, tools, rows }] of kept.entries()) {
        const expected = { prompt: prompt.map(normal), response: response.map(normal), system };
        expect(alignedOf(examples[i])).to.deep.equal(expected);
        const { tools: offered } = examples[i] as { tools?: unknown };
        expect(offered).to.deep.equal(tools === '' ? undefined : JSON.parse(tools));
        if (rows) expect(rowsOf(examples[i], encoder)).to.deep.equal(rows);
      }
    });

  it('says of what does not alternate where it does not', async () => {
    const data = { sources: [{ datasetInfo: `${FOLDER}/dataset_info.json`, name: 'sharegpt' }] };
    const [source] = resolveSources(makeConfig({ model: { path: '.' }, data }).data);
    const bad: BadRow[] = [];
    await readSource({ ...source, skip: (row) => bad.push(row) });
    expect(bad.map(({ fault }) => fault)).to.deep.equal([
      'message 1 is of the assistant, but expected is user or tool',
      'the last message is no answer',
    ]);
  });
});
