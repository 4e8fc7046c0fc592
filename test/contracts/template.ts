/**
 * What every template must do, held to its own words:
 *
 *     describeTemplate('plain', { withInput: { prompt: 'Add.\n1 2\n', answer: '3' }, … });
 */

import { expect } from 'chai';
import type { Exchange, InstructionExample, Template, Turn, TurnsExample } from '../../core/index.js';
import { type Choice, choose } from '../support/choice.js';
import { compose } from '../support/compose.js';
import { expectError } from '../support/errors.js';
import { instruction } from '../support/examples.js';

type Words = Pick<Exchange, 'prompt' | 'answer'>;

/** How the template words the examples of this file. Of one that writes special tokens, an answer has its end token. */
export interface TemplateWords {
  readonly options?: object;
  /** It takes turns in any order, with tools. */
  readonly takesAll?: boolean;
  readonly withInput: Words;
  readonly withoutInput: Words;
  readonly turns: readonly Words[];
}

const WITH_INPUT = instruction({ instruction: 'Add.', input: '1 2', output: '3' });
const WITHOUT_INPUT = instruction({ instruction: 'Say hello.', input: '', output: 'Hello' });

const turn = (role: Turn['role'], content: string, trained = false): Turn => ({ role, content, trained });
const SYSTEM = turn('system', 'Be brief.');
const TURNS = [turn('user', 'One?'), turn('assistant', 'First'), turn('user', 'Two?')];
const LAST = turn('assistant', 'Second', true);

/** What a template makes of an example, as exchanges. */
function exchangesOf(template: Template, example: InstructionExample | TurnsExample): readonly Exchange[] {
  if (!template.passages) return template.exchanges(example);
  const exchanges: Exchange[] = [];
  let prompt = '';
  let answer = '';
  for (const { text, labels } of template.passages(example, new Set())) {
    if (labels === 'all') answer += text;
    if (labels === 'none') prompt += text;
    if (labels !== 'end') continue;
    exchanges.push({ prompt, answer: answer + text.trimEnd(), trained: true });
    prompt = text.slice(text.trimEnd().length);
    answer = '';
  }
  return exchanges;
}

/** The same, with what is not trained on as a part of the prompt that follows. */
function together(exchanges: readonly Exchange[]): Exchange[] {
  let before = '';
  return exchanges.flatMap(({ prompt, answer, trained }) => {
    const whole = before + prompt;
    before = trained ? '' : whole + answer;
    return trained ? [{ prompt: whole, answer, trained }] : [];
  });
}

/** @param third the files of third parties' plugins */
export function describeTemplate(name: string, words: TemplateWords, third: Choice = {}): void {
  const choice = choose('templates', name, { ...third, options: words.options ?? {} });
  const make = async (): Promise<Template> => {
    const { hooks } = await compose(choice);
    return (await hooks.makeTemplate.promise({ name })) as Template;
  };
  const ofInstruction = async (example: InstructionExample) => exchangesOf(await make(), example);
  const ofTurns = async (turns: readonly Turn[]) => exchangesOf(await make(), { kind: 'turns', turns });

  describe(`the template ${name}`, () => {
    it('tells its name, and words an instruction with input and without', async () => {
      expect((await make()).name).to.equal(name);
      expect(await ofInstruction(WITH_INPUT)).to.deep.equal([{ ...words.withInput, trained: true }]);
      expect(await ofInstruction(WITHOUT_INPUT)).to.deep.equal([{ ...words.withoutInput, trained: true }]);
    });

    it('words a conversation, and says which answers are trained on', async () => {
      const [first, second] = words.turns;
      const expected = [
        { ...first, trained: false },
        { ...second, trained: true },
      ];
      const found = await ofTurns([SYSTEM, ...TURNS, LAST]);
      const isToken = (await make()).passages !== undefined;
      expect(found).to.deep.equal(isToken ? together(expected) : expected);
    });

    it('words a conversation of one exchange as the instruction', async () => {
      const turns = [turn('user', WITHOUT_INPUT.instruction), turn('assistant', WITHOUT_INPUT.output, true)];
      expect(await ofTurns(turns)).to.deep.equal(await ofInstruction(WITHOUT_INPUT));
    });

    it('has the same prompt whatever the answer is', async () => {
      const [{ prompt }] = await ofInstruction({ ...WITH_INPUT, output: '' });
      expect(prompt).to.equal(words.withInput.prompt);
    });

    it('takes $-patterns in an example as the text that they are', async () => {
      const odd = "$& $1 $'";
      const [{ prompt, answer }] = await ofInstruction(
        instruction({ instruction: odd, input: odd, output: odd }),
      );
      expect(prompt.split(odd)).to.have.lengthOf(3);
      expect(answer).to.include(odd);
    });

    it('refuses what it cannot train on, and turns that it has no words for, and says which one', async () => {
      const untrainable = [
        [[turn('user', 'a', true), LAST], 'turn 1 of 2 is by "user" and to be trained on'],
        [[{ ...SYSTEM, trained: true }, turn('user', 'a'), LAST], 'turn 1 of 3 is by "system" and to be'],
      ] as const;
      for (const [turns, message] of untrainable)
        await expectError(() => ofTurns(turns), 'DATA_RECORD', message);
      if (words.takesAll) return;
      for (const [turns, message] of [
        [[], 'turn 1 of 0 is missing'],
        [[SYSTEM], 'turn 2 of 1 is missing'],
        [[turn('user', 'a'), turn('tool', 'b')], 'turn 2 of 2 is by "tool"'],
        [[turn('user', 'a'), turn('user', 'b')], 'turn 2 of 2 is by "user"'],
        [[LAST], 'turn 1 of 1 is by "assistant"'],
        [[...TURNS, LAST, SYSTEM], 'turn 5 of 5 is by "system"'],
        [TURNS, 'turn 3 of 3 is by "user", and no answer follows'],
      ] as const) {
        await expectError(() => ofTurns(turns), 'DATA_RECORD', message, name);
      }
    });

    it('words tools, or names the template that does', async () => {
      const turns = [
        turn('user', 'a'),
        { ...turn('assistant', ''), calls: [{ name: 'f', arguments: {} }] },
        LAST,
      ];
      const tools = [{ name: 'f' }];
      for (const example of [{ turns }, { turns: [...TURNS, LAST], tools }] as const) {
        const worded = async () => exchangesOf(await make(), { kind: 'turns', ...example });
        if (words.takesAll) expect((await worded()).length).to.be.greaterThan(0);
        else await expectError(worded, 'DATA_RECORD', 'tool', 'data.template: chat');
      }
    });

    it('leaves other names to others', async () => {
      const { hooks } = await compose(choice);
      expect(await hooks.makeTemplate.promise({ name: 'other' })).to.equal(undefined);
    });
  });
}
