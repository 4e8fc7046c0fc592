import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Example } from '../../../core/index.js';
import { questionsOf } from '../../../plugins/metrics/kit/index.js';
import { writeSamples } from '../../../plugins/metrics/samples/sample-file.js';
import { expectError } from '../../support/errors.js';
import { composeTestRun, type RunPlace, readMetrics, withRunPlace } from '../../support/runs.js';

interface Sample {
  readonly step: number;
  readonly instruction: string;
  readonly input: string;
  readonly expected?: string;
  readonly answer: string;
  readonly tokens: number;
}

describe('the metric samples', () => {
  let place: RunPlace;
  withRunPlace((given) => {
    place = given;
  });
  const file = () => place.folder.join('run', 'samples.jsonl');
  const samples = (): Sample[] =>
    readFileSync(file(), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  const train = async (options: object, further: object = {}) => {
    const values = { output: place.output, data: place.data, validationSize: 2, ...further };
    const run = await composeTestRun({
      ...values,
      metrics: [{ name: 'samples', maxNewTokens: 5, ...options }],
      train: { maxSteps: 4, evalEvery: 2, learningRate: 0.05 },
    });
    return run.trainer.run();
  };

  it('keeps the answers to held-out questions before the first step and at each evaluation', async () => {
    await train({});
    const all = samples();
    expect(all.map(({ step }) => step)).to.deep.equal([0, 0, 2, 2, 4, 4]);
    const [first, second] = all;
    expect(first.instruction).to.match(/^Name color \d\.$/);
    expect(first.expected).to.match(/^It is /);
    for (const { tokens } of all) expect(tokens).to.be.within(1, 5);
    expect(all.slice(4).map(({ instruction }) => instruction)).to.deep.equal([
      first.instruction,
      second.instruction,
    ]);
    // Fifty times the usual learning rate: the model says something else.
    expect(all[4].answer).to.not.equal(first.answer);
    for (const event of readMetrics(place.output).filter(({ type }) => type === 'eval'))
      expect(Object.keys(event).filter((key) => !/^by[A-Z]/.test(key))).to.deep.equal([
        'type',
        'step',
        'evalLoss',
      ]);
  });

  it('has before training what the model answers that is not trained', async () => {
    await train({ prompts: ['Name a color.', { instruction: 'Name it.', input: 'red' }] });
    const before = samples().filter(({ step }) => step === 0);
    expect(before.map(({ instruction, input }) => [instruction, input])).to.deep.equal([
      ['Name a color.', ''],
      ['Name it.', 'red'],
    ]);
    expect(before[0]).to.not.have.property('expected');
    const untrained: string[] = [];
    const run = await composeTestRun(
      {
        output: place.folder.join('other'),
        data: place.data,
        validationSize: 2,
        train: { maxSteps: 1, learningRate: 1e-30 },
      },
      [
        {
          name: 'ask',
          apiVersion: 2,
          apply({ hooks }) {
            hooks.evaluate.tap(async (metrics, { generate }) => {
              const prompts = before.map(({ instruction, input }) => ({ instruction, input }));
              for (const { text } of await generate(prompts, { maxNewTokens: 5 })) untrained.push(text);
              return metrics;
            });
          },
        },
      ],
    );
    await run.trainer.run();
    expect(before.map(({ answer }) => answer)).to.deep.equal(untrained);
  });

  it('asks for nothing where no rows are held out', async () => {
    await train({}, { validationSize: 0 });
    expect(existsSync(file())).to.equal(false);
  });

  it('refuses what is no question', async () => {
    await expectError(() => train({ prompts: [3] }), 'PLUGIN_INVALID', 'metrics.0.prompts.0', 'a question');
  });

  it('takes the held-out questions of each source in turn', () => {
    const of = (source: string, instruction: string): Example => ({
      ...{ kind: 'instruction', instruction, input: '', output: 'x', source },
    });
    const chat: Example = {
      kind: 'turns',
      source: 'chat',
      turns: [
        { role: 'user', content: 'Hello', trained: false },
        { role: 'assistant', content: 'Hi', trained: true },
        { role: 'user', content: 'Who?', trained: false },
        { role: 'assistant', content: 'Me', trained: true },
      ],
    };
    const text: Example = { kind: 'text', text: 'no question', source: 'text' };
    const examples = [of('a', '1'), of('a', '2'), of('a', '3'), text, of('b', '4'), chat];
    const questions = questionsOf(examples, 5);
    expect(questions.map(({ instruction }) => instruction)).to.deep.equal([
      ...['1', '4', 'user: Hello\nassistant: Hi\nuser: Who?', '2', '3'],
    ]);
    expect(questions[2].expected).to.equal('Me');
    expect(questionsOf(examples, 2)).to.have.length(2);
  });

  it('replaces what a run had after the step from which it goes on', () => {
    const path = place.folder.write('samples.jsonl', '{"step":0}\n{"step":2}\n{"step":4}\n{"st');
    expect(writeSamples(path, 2, [{ step: 2, answer: 'again' }])).to.equal(undefined);
    expect(readFileSync(path, 'utf8')).to.equal('{"step":0}\n{"step":2,"answer":"again"}\n');
    expect(writeSamples(place.folder.join('none', 'samples.jsonl'), 2, [])).to.include('ENOENT');
  });
});
