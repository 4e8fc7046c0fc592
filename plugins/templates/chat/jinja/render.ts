/** Renders chat templates as transformers does with Jinja. */

import { Environment, Interpreter, Template } from '@huggingface/jinja';
import { adapt, type Node, names } from './adapt.js';
import { areEqual, CALLED, FILTERS, iterated, sumOf, TESTS } from './python.js';
import { type Call, functionOf, type Scope, textOf, toValue, type Value } from './values.js';

/** The variables of a template. */
export type Variables = Readonly<Record<string, unknown>>;

/** What a template says by `raise_exception`. */
export class Refusal extends Error {}

/** What `{% generation %}` writes around what the assistant has said: noncharacters, which no text may hold. */
const [BEGIN, END] = ['\ufdd0', '\ufdd1'];
/** Either of the two. */
export const GENERATION = /[\ufdd0\ufdd1]/g;

const GENERATION_TAG = /\{%([-+]?)\s*(end)?generation\s*([-+]?)%\}/g;
const GENERATION_CALL = 'generation_of_assistant';

/**
 * A function that renders the template. `GENERATION` finds the borders of its `{% generation %}`.
 *
 * @param date what `strftime_now` tells; without it there is no such function
 * @throws Error if it is no template, or has what is not known. The function throws a Refusal where the template refuses
 * what it is given, and an Error where it cannot be rendered
 */
export function compile(source: string, date?: Date): (variables: Variables) => string {
  // Jinja makes such a block of a call too: white space around it is then treated alike.
  const tagged = source
    .replace(/\r\n?/g, '\n')
    .replace(GENERATION_TAG, (_, left, end, right) =>
      end ? `{%${left} endcall ${right}%}` : `{%${left} call ${GENERATION_CALL}() ${right}%}`,
    );
  const template = new Template(tagged);
  template.parsed = adapt(template.parsed as unknown as Node) as unknown as Template['parsed'];
  const globals = new Environment();
  for (const [name, call] of Object.entries(FUNCTIONS)) globals.setVariable(name, functionOf(call));
  for (const [name, value] of Object.entries(CONSTANTS)) globals.set(name, value);
  if (date)
    globals.setVariable(
      'strftime_now',
      functionOf(([format]) => toValue(strftime(date, textOf(format)))),
    );
  return (variables) => {
    const scope = new Environment(globals);
    for (const [name, value] of Object.entries(variables)) scope.set(name, value);
    return textOf(new Interpreter(scope).run(template.parsed));
  };
}

const CONSTANTS = { true: true, false: false, none: null, True: true, False: false, None: null };

const entriesOf = (functions: Readonly<Record<string, Call>>, nameOf: (name: string) => string) =>
  Object.fromEntries(Object.entries(functions).map(([name, call]) => [nameOf(name), call]));

const FUNCTIONS: Readonly<Record<string, Call>> = {
  ...entriesOf(CALLED, names.method),
  ...entriesOf(FILTERS, names.filter),
  ...entriesOf(TESTS, names.test),
  [names.text]: ([value]) => toValue(textOf(value)),
  [names.sum]: ([left, right]) => sumOf(left, right),
  [names.equal]: ([left, right]) => toValue(areEqual(left, right)),
  [names.items]: ([items]) => iterated(items),
  [names.renew]: (set, scope) => {
    for (const name of set) scope.variables.delete(textOf(name));
    return toValue(null);
  },
  [names.end]: (_, scope) => {
    scope.setVariable(names.ended, toValue(true));
    return toValue(null);
  },
  [GENERATION_CALL]: (_, scope) => {
    const caller = scope.lookupVariable('caller').value as unknown as (args: Value[], scope: Scope) => Value;
    return toValue(BEGIN + textOf(caller([], scope)) + END);
  },
  raise_exception: ([message]) => {
    throw new Refusal(textOf(message));
  },
  range: (args) => toValue(range(...(args.map(({ value }) => Number(value)) as [number, number?, number?]))),
};

function range(first: number, end?: number, step = 1): number[] {
  const [start, stop] = end === undefined ? [0, first] : [first, end];
  const length = Math.max(0, Math.ceil((stop - start) / step));
  return Array.from({ length }, (_, i) => start + i * step);
}

const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
);
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');

/** Python's, in English, for a date in UTC. @throws Error if a part of the format is not known */
function strftime(date: Date, format: string): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const month = MONTHS[date.getUTCMonth()];
  const day = DAYS[date.getUTCDay()];
  const parts: Readonly<Record<string, string>> = {
    Y: String(date.getUTCFullYear()),
    m: two(date.getUTCMonth() + 1),
    d: two(date.getUTCDate()),
    B: month,
    b: month.slice(0, 3),
    A: day,
    a: day.slice(0, 3),
    H: two(date.getUTCHours()),
    M: two(date.getUTCMinutes()),
    S: two(date.getUTCSeconds()),
    '%': '%',
  };
  return format.replace(/%(-?)(.)/gs, (found, bare, part) => {
    if (!Object.hasOwn(parts, part))
      throw new Error(`it asks for the date as ${JSON.stringify(found)}, which is not known`);
    return bare ? parts[part].replace(/^0(?=.)/, '') : parts[part];
  });
}
