import { expect } from 'chai';
import { compile, GENERATION, Refusal } from '../../../../plugins/templates/chat/jinja/render.js';
import { EXPECTED_CHATS, type Rendering, templateText } from '../../../support/chat-templates.js';

const { variables, date, conversations, renderings } = EXPECTED_CHATS;
const ASSUMED = { tools: null, documents: null, add_generation_prompt: false, ...variables };

/** As the fixture has it: the spans of what the assistant says are in code points. */
function told(marked: string): Rendering {
  const parts = marked.split(GENERATION);
  let at = 0;
  const spans = parts.flatMap((part, i): [number, number][] => {
    const start = at;
    at += Array.from(part).length;
    return i % 2 === 1 ? [[start, at]] : [];
  });
  return spans.length > 0 ? { text: parts.join(''), spans } : parts.join('');
}

describe('chat templates, held to Jinja', () => {
  it('are there, thirty of them, with twenty conversations', () => {
    expect(Object.keys(renderings)).to.have.length.greaterThan(28);
    expect(Object.keys(conversations)).to.have.length.greaterThan(19);
  });

  for (const [name, expected] of Object.entries(renderings)) {
    it(`are rendered as transformers does: ${name}`, () => {
      const render = compile(templateText(name), new Date(`${date}Z`));
      for (const [conversation, wanted] of Object.entries(expected)) {
        const rendered = () => render({ ...ASSUMED, ...conversations[conversation] });
        const refusal = wanted as { refused?: string; failed?: string };
        if (refusal.refused !== undefined) expect(rendered, conversation).to.throw(Refusal, refusal.refused);
        else if (refusal.failed !== undefined) expect(rendered, conversation).to.throw(Error);
        else expect(told(rendered()), conversation).to.deep.equal(wanted);
      }
    });
  }

  it('are refused where they have what is not known, and where Python would not go on', () => {
    for (const [template, message] of [
      ['{% with a = 1 %}{{ a }}{% endwith %}', 'with'],
      ["{% include 'other' %}", 'include'],
      ['{% if a %}', ''],
    ])
      expect(() => compile(template), template).to.throw(Error, message);
    for (const [template, message] of [
      ["{{ 'a' + 1 }}", 'adds'],
      ["{{ 'a' | wordcount }}", 'wordcount'],
      ['{{ messages.strip() }}', 'a text is needed'],
      ["{{ 'a'.format(1) }}", 'function'],
      ["{{ strftime_now('%Y') }}", 'function'],
      ['{{ range }}', 'no text'],
    ])
      expect(() => compile(template)({ messages: [] }), template).to.throw(Error, message);
    expect(() => compile("{{ strftime_now('%Q') }}", new Date())({})).to.throw(Error, '%Q');
  });

  it('keep nothing from one rendering to the next', () => {
    const render = compile("{% set x = x | default('none') %}{{ x }}{% set x = messages %}");
    expect([
      render({ messages: 'a' }),
      render({ messages: 'b' }),
      render({ x: 'c', messages: '' }),
    ]).to.deep.equal(['none', 'none', 'c']);
  });
});
