import { expect } from 'chai';
import { EvolveError, labelsOf, type TokenTemplate, type Turn } from '../../../core/index.js';
import { CausalEncoder } from '../../../plugins/backbones/kit/encoder.js';
import {
  type ChatModel,
  chatEncoder,
  EXPECTED_CHATS,
  templateText,
  turnsOf,
} from '../../support/chat-templates.js';
import { compose } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture } from '../../support/files.js';
import { requestOf } from '../../support/tokenizers.js';

const { conversations, rows } = EXPECTED_CHATS;
const ENDLESS = Number.MAX_SAFE_INTEGER;
const QWEN = { eos_token: '<|endoftext|>' };

const user = (content: string): Turn => ({ role: 'user', content, trained: false });
const system = (content: string): Turn => ({ role: 'system', content, trained: false });
const assistant = (content: string, trained = true): Turn => ({ role: 'assistant', content, trained });

/** A row as text: what is trained on stands between ⟦ and ⟧, special tokens as they are. */
function shown(encoder: CausalEncoder, turns: readonly Turn[], tools?: readonly unknown[]): string {
  const { tokenizer } = encoder;
  const row = encoder.encode({ kind: 'turns', turns, ...(tools && { tools }) }, ENDLESS);
  const names = new Map(Array.from(tokenizer.special!, ([content, id]) => [id, content]));
  const inputIds = [...row.inputIds];
  const borders = row.spans.flat();
  let text = '';
  let from = 0;
  for (const [i, id] of inputIds.entries()) {
    if (borders.includes(i)) {
      text += tokenizer.decode(inputIds.slice(from, i)) + (borders.indexOf(i) % 2 === 0 ? '⟦' : '⟧');
      from = i;
    }
    const name = names.get(id);
    if (name === undefined) continue;
    text += tokenizer.decode(inputIds.slice(from, i)) + name;
    from = i + 1;
  }
  return text + tokenizer.decode(inputIds.slice(from)) + (borders.includes(inputIds.length) ? '⟧' : '');
}

/** A model whose own chat template is one of the fixture's. */
const model = (template: string, further: Partial<ChatModel> = {}): ChatModel => ({
  tokenizer: 'qwen2',
  settings: { ...QWEN, chat_template: templateText(template) },
  ...further,
});

describe('the template chat', () => {
  describe('held to transformers', () => {
    for (const { tokenizer, template, tokens, added, rows: expected } of rows) {
      it(`makes the same tokens and masks: ${template} with ${tokenizer}`, async () => {
        const settings = { ...tokens, chat_template: templateText(template) };
        const encoder = await chatEncoder({ tokenizer, settings, added });
        for (const [name, { ids, mask }] of Object.entries(expected)) {
          const conversation = conversations[name];
          const { add_generation_prompt: asks, tools } = conversation;
          const turns = turnsOf(conversation);
          if (asks) {
            expect(encoder.encodePrompt({ turns }), name).to.deep.equal(ids);
            continue;
          }
          const row = encoder.encode({ kind: 'turns', turns, ...(tools && { tools }) }, ENDLESS);
          expect([...row.inputIds], name).to.deep.equal(ids);
          if (mask)
            expect(
              Array.from(labelsOf(row), (label) => Number(label >= 0)),
              name,
            ).to.deep.equal(mask);
        }
      });
    }

    it('covers templates with and without {% generation %}, and texts that spell special tokens', () => {
      expect(rows.some((each) => Object.values(each.rows).some(({ mask }) => mask))).to.equal(true);
      expect(rows.every((each) => 'spelled' in each.rows && 'one' in each.rows)).to.equal(true);
    });
  });

  describe('trains on the turns that are to be trained on, each with its end token', () => {
    const turns = [system('Be brief.'), user('One?'), assistant('First'), user('Two?'), assistant('Second')];

    it('without {% generation %}: not on the line break behind it', async () => {
      const encoder = await chatEncoder(model('chatml'));
      expect(shown(encoder, turns)).to.equal(
        '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nOne?<|im_end|>\n' +
          '<|im_start|>assistant\n⟦First<|im_end|>⟧\n<|im_start|>user\nTwo?<|im_end|>\n' +
          '<|im_start|>assistant\n⟦Second<|im_end|>⟧\n',
      );
      expect(
        shown(encoder, [user('One?'), assistant('First', false), user('Two?'), assistant('Second')]),
      ).to.equal(
        '<|im_start|>user\nOne?<|im_end|>\n<|im_start|>assistant\nFirst<|im_end|>\n' +
          '<|im_start|>user\nTwo?<|im_end|>\n<|im_start|>assistant\n⟦Second<|im_end|>⟧\n',
      );
      expect(
        shown(encoder, [user('One?'), assistant('First'), user('Two?'), assistant('Second', false)]),
      ).to.equal(
        '<|im_start|>user\nOne?<|im_end|>\n<|im_start|>assistant\n⟦First<|im_end|>⟧\n' +
          '<|im_start|>user\nTwo?<|im_end|>\n<|im_start|>assistant\nSecond<|im_end|>\n',
      );
    });

    it('with {% generation %}: on what it marks', async () => {
      const encoder = await chatEncoder(model('chatml-generation'));
      expect(
        shown(encoder, [user('One?'), assistant('First', false), user('Two?'), assistant('Second')]),
      ).to.equal(
        '<|im_start|>user\nOne?<|im_end|>\n<|im_start|>assistant\nFirst<|im_end|>\n' +
          '<|im_start|>user\nTwo?<|im_end|>\n<|im_start|>assistant\n⟦Second<|im_end|>⟧\n',
      );
    });

    it('whatever words stand twice', async () => {
      const encoder = await chatEncoder(model('chatml'));
      const echo = [
        user('assistant'),
        assistant('user'),
        user('user'),
        assistant('user'),
        user('a'),
        assistant('<|'),
      ];
      const at = (said: string) => `<|im_start|>assistant\n⟦${said}<|im_end|>⟧\n`;
      expect(shown(encoder, echo)).to.equal(
        `<|im_start|>user\nassistant<|im_end|>\n${at('user')}<|im_start|>user\nuser<|im_end|>\n${at('user')}` +
          `<|im_start|>user\na<|im_end|>\n${at('<|')}`,
      );
    });

    it('with calls of tools, whose results are read', async () => {
      const { 'two calls': calls } = conversations;
      const row = shown(await chatEncoder(model('default-system')), turnsOf(calls), calls.tools);
      expect(row.match(/⟦[^⟧]*⟧/g)).to.deep.equal([
        '⟦Let me see.\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>\n' +
          '<tool_call>\n{"name": "clock", "arguments": {}}\n</tool_call><|im_end|>⟧',
        '⟦It rains at noon.<|im_end|>⟧',
        '⟦Any time.<|im_end|>⟧',
      ]);
      expect(row).to.include('<tools>\n{"type": "function", "function": {"name": "get_weather"');
      expect(row).to.include(
        '<tool_response>\nRain.\n</tool_response>\n<tool_response>\nNoon.\n</tool_response>',
      );
    });

    it('with calls of tools, where a result must follow a call, and calls have ids', async () => {
      const { calls } = conversations;
      const tokens = { bos_token: '<s>', eos_token: '</s>' };
      const settings = { ...tokens, chat_template: templateText('inst-tools') };
      const row = shown(await chatEncoder({ tokenizer: 'bloom', settings }), turnsOf(calls), calls.tools);
      expect(row).to.include('⟦[TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Rome"');
      expect(row).to.include('"id": "call00001"}]</s>⟧[TOOL_RESULTS]').and.to.include('⟦ No rain.</s>⟧');
    });

    it('with calls as texts of JSON, where a template takes them so', async () => {
      const chat_template =
        '{% for m in messages %}<|im_start|>{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.name + c.function.arguments }}{% endfor %}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>{% endif %}';
      const encoder = await chatEncoder({ tokenizer: 'qwen2', settings: { ...QWEN, chat_template } });
      const call = { ...assistant(''), calls: [{ name: 'add', arguments: { a: [1, null] } }] };
      expect(shown(encoder, [user('Sum?'), call])).to.equal(
        '<|im_start|>Sum?<|im_end|><|im_start|>⟦add{"a":[1,null]}<|im_end|>⟧',
      );
    });

    it('takes a tool as OpenAI describes it, and one without what stands around its function', async () => {
      const encoder = await chatEncoder(model('default-system'));
      const [whole] = conversations.calls.tools as { function: unknown }[];
      const asked = [user('Rain?'), assistant('No.')];
      expect(shown(encoder, asked, [whole.function])).to.equal(shown(encoder, asked, [whole]));
    });

    it('and ends answers by the next turn, or the end token of the tokenizer, where the template has no end', async () => {
      const special = { special: true };
      const added = [
        { id: 600, content: '<|user|>', ...special },
        { id: 601, content: '<|assistant|>', ...special },
        { id: 602, content: '<sop>', ...special },
      ];
      const files = { 'generation_config.json': { eos_token_id: [560, 600] } };
      const encoder = await chatEncoder(model('no-end', { added, files }));
      expect(shown(encoder, [user('One?'), assistant('First'), user('Two?'), assistant('Second')])).to.equal(
        '[gMASK]<sop><|user|>\nOne?<|assistant|>\n⟦First<|user|>⟧\nTwo?<|assistant|>\n⟦Second<|endoftext|>⟧',
      );
      // ChatML, whose end is no token here: it is learned as text, and the end token comes behind it.
      const text = await chatEncoder(
        model('chatml', {
          tokenizer: 'bloom',
          settings: { bos_token: '<s>', eos_token: '</s>', chat_template: templateText('chatml') },
        }),
      );
      expect(shown(text, [user('One?'), assistant('First'), user('Two?'), assistant('Second')])).to.equal(
        '<|im_start|>user\nOne?<|im_end|>\n<|im_start|>assistant\n⟦First<|im_end|>⟧\n<|im_start|>user\nTwo?<|im_end|>\n' +
          '<|im_start|>assistant\n⟦Second<|im_end|></s>⟧',
      );
      const plain = await chatEncoder(model('sections'));
      expect(shown(plain, [user('One?'), assistant('First'), user('Two?'), assistant('Second')])).to.equal(
        'Answer the question.\n\n### Question:\nOne?\n\n### Answer:\n⟦First⟧\n\n### Question:\nTwo?\n\n### Answer:\n⟦Second<|endoftext|>⟧',
      );
    });
  });

  describe('takes templates that treat a turn in several ways', () => {
    const THOUGHT = '<think>\nBy counting.\n</think>\n\nFour.';

    it('with reasoning in the last answer', async () => {
      const encoder = await chatEncoder(model('think-last'));
      expect(shown(encoder, [user('2+2?'), assistant(THOUGHT)])).to.equal(
        '<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n⟦<think>\nBy counting.\n</think>\n\nFour.<|im_end|>⟧\n',
      );
      expect(shown(encoder, [user('2+2?'), assistant('Four.'), user('3+3?'), assistant('Six.')])).to.equal(
        '<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n⟦Four.<|im_end|>⟧\n' +
          '<|im_start|>user\n3+3?<|im_end|>\n<|im_start|>assistant\n⟦<think>\n\n</think>\n\nSix.<|im_end|>⟧\n',
      );
    });

    it('where the request for an answer begins it', async () => {
      const encoder = await chatEncoder(
        model('think-last', { options: { variables: { enable_thinking: false } } }),
      );
      expect(shown(encoder, [user('2+2?'), assistant('Four.')])).to.equal(
        '<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n⟦Four.<|im_end|>⟧\n',
      );
      const prompt = encoder.encodePrompt({ instruction: '2+2?', input: '' });
      expect(encoder.tokenizer.decode(prompt)).to.match(/assistant\n<think>\n\n<\/think>\n\n$/);
    });

    it('but not where it leaves out what is to be trained on', async () => {
      const thoughts = [user('2+2?'), assistant(THOUGHT), user('Sure?'), assistant(THOUGHT)];
      const encoder = await chatEncoder(model('think-last'));
      await expectError(
        () => shown(encoder, thoughts),
        'DATA_RECORD',
        'turn 2 of 4 is to be trained on, but the chat template does not write all of it',
        'train: false',
      );
      expect(
        shown(
          encoder,
          thoughts.map((turn, i) => (i === 1 ? { ...turn, trained: false } : turn)),
        ),
      ).to.include('<|im_start|>assistant\nFour.<|im_end|>\n');
      const never = await chatEncoder(model('think-never'));
      await expectError(() => shown(never, thoughts.slice(0, 2)), 'DATA_RECORD', 'turn 2 of 2');
    });

    it('and those that trim', async () => {
      const encoder = await chatEncoder(
        model('headers', {
          tokenizer: 'llama3',
          settings: {
            bos_token: '<|begin_of_text|>',
            eos_token: '<|end_of_text|>',
            chat_template: templateText('headers'),
          },
        }),
      );
      expect(shown(encoder, [user(' One? '), assistant('\n First\n')])).to.equal(
        '<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nOne?<|eot_id|>' +
          '<|start_header_id|>assistant<|end_header_id|>\n\n⟦First<|eot_id|>⟧',
      );
    });
  });

  it('tells what the template refuses, record by record', async () => {
    const encoder = await chatEncoder(model('model-turns'));
    await expectError(
      () => shown(encoder, [system('Be brief.'), user('Hi'), assistant('Hello')]),
      'DATA_RECORD',
      'models/mine/tokenizer_config.json refuses the conversation: System role not supported',
    );
    await expectError(
      () => encoder.encodePrompt({ turns: [user('a'), user('b')] }),
      'DATA_RECORD',
      'must alternate',
    );
    await expectError(
      () => shown(encoder, [{ ...user('a'), trained: true }, assistant('b')]),
      'DATA_RECORD',
      'turn 1 of 2 is by "user" and to be trained on',
    );
    await expectError(() => shown(encoder, [user('\ufdd0'), assistant('b')]), 'DATA_RECORD', 'U+FDD0');
    const broken = await chatEncoder(
      model('chatml', { settings: { ...QWEN, chat_template: '{{ messages[0].content + 1 }}' } }),
    );
    await expectError(
      () => shown(broken, [user('a'), assistant('b')]),
      'DATA_RECORD',
      'cannot word the conversation: it adds',
    );
  });

  it('refuses a special token that the embedding has no row for', async () => {
    const encoder = await chatEncoder(model('chatml'));
    const { tokenizer } = encoder;
    const template: TokenTemplate = {
      name: 'mine',
      passages: () => [{ text: 'a<|im_end|>', spelled: [], labels: 'all' }],
      promptPassages: () => [],
    };
    const rows = tokenizer.special!.get('<|im_end|>')!;
    expect(() => new CausalEncoder(tokenizer, template, rows)).to.throw(
      EvolveError,
      `writes the token "<|im_end|>" (${rows})`,
    );
    expect(() => new CausalEncoder(tokenizer, template, rows + 1)).to.not.throw();
  });

  it('makes an instruction a question and its answer, in the words in which the model is asked', async () => {
    const encoder = await chatEncoder(model('default-system'));
    const asked = { instruction: 'Add.', input: '1 2' };
    const row = encoder.encode({ kind: 'instruction', ...asked, output: '3' }, ENDLESS);
    const prompt = encoder.encodePrompt(asked);
    expect([...row.inputIds.subarray(0, prompt.length)]).to.deep.equal(prompt);
    expect(row.spans[0][0]).to.equal(prompt.length);
    expect(encoder.tokenizer.decode(prompt)).to.equal(
      'system\nYou help people.\nuser\nAdd.\n1 2\nassistant\n',
    );
  });

  it('has its end token stop answers', async () => {
    const encoder = await chatEncoder(model('chatml'));
    const { special, eosId, stopIds } = encoder.tokenizer;
    expect(eosId).to.equal(special!.get('<|endoftext|>'));
    expect(stopIds).to.deep.equal([eosId, special!.get('<|im_end|>')]);
  });

  it('has the prompt’s tokens before an answer, where a tokenizer merges across', async () => {
    // `:` and what follows are one token for many tokenizers.
    const settings = { ...QWEN, chat_template: '{% for m in messages %}{{ m.content }}{% endfor %}' };
    const encoder = await chatEncoder({ tokenizer: 'qwen2', settings });
    const { tokenizer } = encoder;
    for (const [question, answer] of [
      ['the', ' animal'],
      ['anim', 'al'],
      ['a\n', '\nb'],
      ['é', '́'],
      ['th', 'e '],
    ]) {
      const prompt = encoder.encodePrompt({ instruction: question, input: '' });
      const { inputIds, spans } = encoder.encode(
        { kind: 'instruction', instruction: question, input: '', output: answer },
        ENDLESS,
      );
      expect([...inputIds.subarray(0, prompt.length)]).to.deep.equal(prompt);
      expect(spans).to.deep.equal([[prompt.length, inputIds.length]]);
      expect(tokenizer.decode([...inputIds])).to.equal(question + answer);
    }
  });

  describe('is found', () => {
    const make = async (files: Record<string, object | Uint8Array>, options = {}) => {
      const { hooks } = await compose({
        data: { sources: ['none'], template: { name: 'chat', ...options } },
      });
      return hooks.makeTemplate.promise({ name: 'chat', model: requestOf(files) });
    };
    const first = async (files: Record<string, object | Uint8Array>, options = {}, tools?: unknown[]) => {
      const template = await make(files, options);
      const turns = [user('Q'), assistant('A')];
      return template!.passages!({ kind: 'turns', turns, ...(tools && { tools }) }, new Set())
        .map(({ text }) => text)
        .join('');
    };
    const said = (word: string) => `${word}{% for m in messages %}{{ m.content }}{% endfor %}`;
    const listed = {
      'tokenizer_config.json': {
        chat_template: [
          { name: 'default', template: said('d') },
          { name: 'tool_use', template: said('t') },
          { name: 'rag', template: said('r') },
        ],
      },
    };

    it('in chat_template.jinja, else in chat_template.json, else in tokenizer_config.json', async () => {
      const files = {
        'chat_template.jinja': Buffer.from(said('j')),
        'chat_template.json': { chat_template: said('p') },
        'tokenizer_config.json': { chat_template: said('c') },
      };
      expect(await first(files)).to.equal('jQA');
      const { 'chat_template.jinja': _, ...json } = files;
      expect(await first(json)).to.equal('pQA');
      const { 'chat_template.json': __, ...config } = json;
      expect(await first(config)).to.equal('cQA');
    });

    it('and goes into exported models, unless they have it anyway', async () => {
      const text = said('x');
      const exported = async (...args: Parameters<typeof make>) => (await make(...args))!.chatTemplate;
      expect(await exported({ 'chat_template.jinja': Buffer.from(text) })).to.equal(undefined);
      expect(await exported({ 'tokenizer_config.json': { chat_template: text } })).to.equal(undefined);
      expect(await exported({ 'chat_template.json': { chat_template: text } })).to.equal(text);
      expect(await exported(listed)).to.equal(undefined);
      expect(await exported(listed, { variant: 'rag' })).to.equal(said('r'));
      const variables = { mood: null, of: [true, { a: 1 }] };
      expect(await exported({ 'chat_template.jinja': Buffer.from(text) }, { variables })).to.equal(
        '{% if mood is not defined %}{% set mood = none %}{% endif %}\n' +
          `{% if of is not defined %}{% set of = [true, {"a": 1}] %}{% endif %}\n${text}`,
      );
    });

    it('among several by its name; conversations with tools have one of their own', async () => {
      expect(await first(listed)).to.equal('dQA');
      expect(await first(listed, {}, [{ name: 'f' }])).to.equal('tQA');
      expect(await first(listed, { variant: 'rag' }, [{ name: 'f' }])).to.equal('rQA');
      await expectError(
        () => first(listed, { variant: 'other' }),
        'MODEL_INVALID',
        'it has default, tool_use, rag',
      );
    });

    it('in a file', async () => {
      const path = fixture('chat-templates', 'bars.jinja');
      expect(await first({}, { path })).to.include('<|user|>\nQ<|end|>');
      await expectError(
        () => first({}, { path: 'none.jinja' }),
        'CONFIG_INVALID',
        'none.jinja cannot be read',
      );
    });

    it('or says that there is none, or that it cannot be read', async () => {
      await expectError(
        () => first({ 'tokenizer_config.json': {} }),
        'MODEL_INVALID',
        'models/mine has no chat template',
        'alpaca, plain',
      );
      const wrong = { 'tokenizer_config.json': { chat_template: '{% for %}' } };
      await expectError(() => first(wrong), 'MODEL_INVALID', 'tokenizer_config.json cannot be read');
    });

    it('with the date that is given; the day of the run is never taken', async () => {
      const files = { 'tokenizer_config.json': { chat_template: templateText('dates') } };
      await expectError(() => first(files), 'DATA_RECORD', 'date: 2025-01-31');
      expect(await first(files, { date: '2025-03-09' })).to.match(
        /^2025-03-09 09 Mar March 00:00:00 Sunday Sun 9 100%\n/,
      );
    });
  });
});
