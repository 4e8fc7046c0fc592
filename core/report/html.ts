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

/** A page that needs nothing else, neither files nor a network. */
export interface Page {
  readonly title: string;
  /** The command that wrote it, by which it is known again: `evolve report`. */
  readonly generator: string;
  /** What else a browser may do, as a content security policy has it: `script-src 'unsafe-inline'`. */
  readonly allows?: readonly string[];
  readonly styles: readonly string[];
  readonly body: Markup;
}

/** Nothing is fetched, whatever a text of the page says. */
const POLICY = ["default-src 'none'", "style-src 'unsafe-inline'"];

/** The tag in a page's head that says which command wrote it. */
export function generatorTag(generator: string): string {
  return `<meta name="generator" content="${generator}">`;
}

export function pageText({ title, generator, allows = [], styles, body }: Page): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${[...POLICY, ...allows].join('; ')}">
${new Markup(generatorTag(generator))}
<title>${title} – ${generator}</title>
<style>${new Markup(styles.join('\n'))}</style>
</head>
<body>
${body}
</body>
</html>
`.text;
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
