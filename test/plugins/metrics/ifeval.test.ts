import { expect } from 'chai';
import type { Evaluation } from '../../../core/index.js';
import { loadPlugin } from '../../support/choice.js';
import { expectError } from '../../support/errors.js';
import { TemporaryFolder } from '../../support/files.js';
import { applyAlone } from '../../support/plugins.js';

/** Of each kind of rule: its settings, answers that follow it, and answers that do not. */
const RULES: readonly [id: string, kwargs: object, follow: string[], fail: string[]][] = [
  ['keywords:existence', { keywords: ['pear', 'Plum'] }, ['A plum and two PEARS'], ['a pear']],
  ['keywords:forbidden_words', { forbidden_words: ['pear'] }, ['spears are fine'], ['A Pear.']],
  ['keywords:frequency', { keyword: 'a b', frequency: 2, relation: 'at least' }, ['A b, a b'], ['a b']],
  ['keywords:frequency', { keyword: 'x', frequency: 1, relation: 'less than' }, ['none'], ['x']],
  ['keywords:letter_frequency', { letter: 'e', let_frequency: 3, let_relation: 'at least' }, ['Eee'], ['ee']],
  [
    'language:response_language',
    { language: 'zh' },
    ['香蕉是一种水果。'],
    ['A banana.', 'バナナは果物です。'],
  ],
  [
    'language:response_language',
    { language: 'de' },
    ['Das ist nicht die Antwort.'],
    ['This is not the answer.'],
  ],
  ['language:response_language', { language: 'pa' }, ['ਕੇਲਾ ਇੱਕ ਫਲ ਹੈ'], ['banana']],
  [
    'length_constraints:number_sentences',
    { num_sentences: 2, relation: 'at least' },
    ['One. Two 3.5!'],
    ['One.'],
  ],
  [
    'length_constraints:number_paragraphs',
    { num_paragraphs: 2 },
    ['one\n***\ntwo', '***\na\n***\nb'],
    ['one', 'a\n***\n\n***\nb'],
  ],
  [
    'length_constraints:number_words',
    { num_words: 3, relation: 'less than' },
    ['two words'],
    ['now there are four'],
  ],
  [
    'length_constraints:nth_paragraph_first_word',
    { num_paragraphs: 2, nth_paragraph: 2, first_word: 'so' },
    ['First.\n\n"So, it ends."'],
    ['So\n\nno', 'a\n\nso\n\nthree'],
  ],
  ['detectable_content:number_placeholders', { num_placeholders: 2 }, ['[name] of [town]'], ['[name]']],
  [
    'detectable_content:postscript',
    { postscript_marker: 'P.S.' },
    ['Bye.\nP.S. more', 'Bye\nP. S. more'],
    ['Bye. P.S. more'],
  ],
  ['detectable_content:postscript', { postscript_marker: 'P.P.S' }, ['Bye\nP.P.S more'], ['Bye\nP.S. more']],
  [
    'detectable_format:number_bullet_lists',
    { num_bullets: 2 },
    ['* a\n* b', '- a\n- b'],
    ['* a', '* a\n* b\n* c', '**a**\n* b'],
  ],
  ['detectable_format:constrained_response', {}, ['My answer is maybe.'], ['Maybe.']],
  [
    'detectable_format:number_highlighted_sections',
    { num_highlights: 2 },
    ['*a* and **b c**'],
    ['**a**', '* a\n* b'],
  ],
  [
    'detectable_format:multiple_sections',
    { section_spliter: 'Section', num_sections: 2 },
    ['Section 1\na\nSection 2\nb'],
    ['Section 1'],
  ],
  ['detectable_format:json_format', {}, ['```json\n{"a": 1}\n```', '[1]'], ['{a: 1}']],
  ['detectable_format:title', {}, ['<<A title>>\ntext'], ['<< >>', '<title>']],
  ['combination:two_responses', {}, ['one\n******\ntwo'], ['one', 'same******same', 'a******b******c']],
  [
    'combination:repeat_prompt',
    { prompt_to_repeat: 'Name a fruit.' },
    ['name a fruit. A pear.'],
    ['A pear.'],
  ],
  ['startend:end_checker', { end_phrase: 'That is all.' }, ['Pears. THAT IS ALL."'], ['That is all. Bye']],
  ['startend:quotation', {}, ['"a\nb"'], ['"a', '"']],
  [
    'change_case:capital_word_frequency',
    { capital_frequency: 2, capital_relation: 'at least' },
    ['A BIG deal'],
    ['A big deal 12'],
  ],
  ['change_case:english_capital', {}, ['ALL OF IT, 3'], ['All of it', '123']],
  ['change_case:english_lowercase', {}, ['all of it'], ['All of it']],
  ['punctuation:no_comma', {}, ['a; b'], ['a, b']],
];

describe('the metric ifeval', () => {
  it('knows the 25 kinds of rules of the suite', () => {
    expect(new Set(RULES.map(([id]) => id)).size).to.equal(25);
  });

  for (const [id, kwargs, follow, fail] of RULES) {
    it(`holds answers to ${id} ${JSON.stringify(kwargs)}`, () =>
      withFolder(async (folder) => {
        const records = [...follow, ...fail].map((_, key) => recordOf(String(key), id, kwargs));
        const { ifevalPromptStrict: strict } = await measure(folder, records, [...follow, ...fail]);
        expect(strict).to.equal(follow.length / (follow.length + fail.length));
        for (const [i, answer] of [...follow, ...fail].entries()) {
          const one = await measure(folder, [recordOf('one', id, kwargs)], [answer]);
          expect(one.ifevalInstructionStrict, answer).to.equal(i < follow.length ? 1 : 0);
        }
      }));
  }

  it('forgives a greeting, a last line and asterisks where it is loose', () =>
    withFolder(async (folder) => {
      const record = recordOf('x', 'startend:quotation', {});
      const found = await measure(folder, [record], ['Sure, here it is:\n**"A pear."**\nEnjoy!']);
      expect(found).to.include({ ifevalPromptStrict: 0, ifevalPromptLoose: 1 });
    }));

  it('gives an answer of nothing no mark', () =>
    withFolder(async (folder) => {
      const found = await measure(folder, [recordOf('x', 'punctuation:no_comma', {})], ['']);
      expect(found).to.include({ ifevalPromptStrict: 0, ifevalPromptLoose: 0 });
    }));

  it('tells all faults of its file', () =>
    withFolder(async (folder) => {
      const records = [
        recordOf('x', 'punctuation:no_coma', {}),
        recordOf('x', 'length_constraints:number_words', { num_words: 'three' }),
        { prompt: 3 },
      ];
      await expectError(
        () => measure(folder, records, []),
        'DATA_RECORD',
        ...['line 1: unknown instruction "punctuation:no_coma"', 'did you mean "punctuation:no_comma"'],
        ...['line 2: length_constraints:number_words: num_words', 'line 3: expected a "prompt"'],
      );
      await expectError(() => measure(folder, [], []), 'DATA_EMPTY', 'has no records');
    }));
});

function recordOf(prompt: string, id: string, kwargs: object) {
  return { key: 1, prompt, instruction_id_list: [id], kwargs: [kwargs] };
}

/** What is measured of a model that gives these answers, in the order of the records. */
async function measure(folder: TemporaryFolder, records: readonly object[], answers: readonly string[]) {
  const path = folder.write('prompts.jsonl', records.map((record) => JSON.stringify(record)).join('\n'));
  const options = { path };
  const plugin = await loadPlugin('metrics', 'ifeval', { options });
  const generate: Evaluation['generate'] = async () =>
    answers.map((text) => ({ text, tokens: 1, stopped: 'end' }));
  return applyAlone(plugin, { options }).hooks.evaluate.promise({ evalLoss: 1 }, {
    generate,
  } as unknown as Evaluation);
}

async function withFolder(use: (folder: TemporaryFolder) => Promise<void>): Promise<void> {
  const folder = new TemporaryFolder();
  try {
    await use(folder);
  } finally {
    folder.remove();
  }
}
