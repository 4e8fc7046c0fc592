/** HTML that is escaped wherever a text is put into it. */

/** A piece of HTML. */
export class Markup {
  constructor(readonly text: string) {}
}

type Value = string | number | Markup | undefined | readonly Value[];

/** html`<p>${text}</p>`: texts are escaped, pieces of HTML and lists of them are put in as they are, `undefined` is nothing. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return new Markup(
    strings.map((string, i) => string + (i < values.length ? written(values[i]) : '')).join(''),
  );
}

/** A value as the JSON of a script element, which no text can end. */
export function jsonScript(id: string, value: unknown): Markup {
  const json = JSON.stringify(value).replace(/</g, '\\u003c');
  return new Markup(`<script type="application/json" id="${id}">${json}</script>`);
}

function written(value: Value): string {
  if (value === undefined) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(written).join('');
  return escaped(String(value));
}

function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': 'amp',
    '<': 'lt',
    '>': 'gt',
    '"': 'quot',
    "'": '#39',
  };
  return text.replace(/[&<>"']/g, (character) => `&${names[character]};`);
}
