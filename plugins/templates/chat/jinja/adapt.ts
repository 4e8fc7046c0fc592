/**
 * Where @huggingface/jinja means something else than Jinja, a template that it has parsed is put in other words: what was
 * written before `{% continue %}` and `{% break %}` stays, a variable that is set within a loop ends with its turn, and
 * texts, equality and the methods of texts are Python's. Left as they are: `text[0]` is half of a character beyond U+FFFF,
 * `indent` knows `\n` alone for the end of a line, and a part of what is not defined is not defined, where Jinja ends.
 */

import { Template } from '@huggingface/jinja';
import { CALLED, FILTERS, TESTS } from './python.js';

export interface Node {
  readonly type: string;
  [key: string]: unknown;
}

/** Names of functions. No template can have variables of these names. */
export const names = {
  text: ' text',
  equal: ' equal',
  sum: ' sum',
  /** What a loop goes through. */
  items: ' items',
  /** Takes away what the turn before has set. */
  renew: ' renew',
  /** Ends the loop: its further turns write nothing. */
  end: ' end',
  ended: ' ended',
  method: (name: string) => ` method ${name}`,
  filter: (name: string) => ` filter ${name}`,
  test: (name: string) => ` test ${name}`,
};

const STATEMENTS = [
  'Set',
  'If',
  'For',
  'Macro',
  'CallStatement',
  'FilterStatement',
  'Break',
  'Continue',
  'Comment',
];

/** Nodes of the library's own classes, which it keeps to itself: they are taken from what it parses. */
const [CALL, , IF] = (new Template('{{ f(x) }} {% if x %}{% endif %}').parsed as unknown as Node)
  .body as Node[];
const make = (like: Node, fields: object): Node =>
  Object.assign(Object.create(Object.getPrototypeOf(like)), like, fields);
const identifier = (value: string): Node => make(CALL.callee as Node, { value });
const text = (value: string): Node => make(new Template('a').parsed.body[0] as unknown as Node, { value });
const call = (name: string, ...args: Node[]): Node => make(CALL, { callee: identifier(name), args });

/** The node in other words; it may be changed in place. */
export function adapt(node: Node): Node {
  for (const [key, value] of Object.entries(node)) node[key] = adaptValue(value);
  for (const key of ['body', 'alternate', 'defaultBlock']) {
    if (Array.isArray(node[key])) node[key] = (node[key] as Node[]).map(written);
  }
  switch (node.type) {
    case 'For':
      node.body = bodyOf(node);
      node.iterable = itemsOf(node.iterable as Node);
      return node;
    case 'CallExpression':
      return methodOf(node);
    case 'FilterExpression':
      return filterOf(node);
    case 'TestExpression': {
      const { value: name } = node.test as { value: string };
      if (!Object.hasOwn(TESTS, name)) return node;
      const test = call(names.test(name), node.operand as Node);
      return node.negate ? make(NOT, { argument: test }) : test;
    }
    case 'BinaryExpression': {
      const { value: operator } = node.operator as { value: string };
      const [left, right] = [node.left as Node, node.right as Node];
      if (operator === '~')
        return make(node, { left: call(names.text, left), right: call(names.text, right) });
      if (operator === '+') return call(names.sum, left, right);
      if (operator === '==') return call(names.equal, left, right);
      if (operator === '!=') return make(NOT, { argument: call(names.equal, left, right) });
      return node;
    }
    default:
      return node;
  }
}

const [NOT] = (new Template('{{ not x }}').parsed as unknown as Node).body as Node[];

function adaptValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(adaptValue);
  if (value instanceof Map)
    return new Map([...value].map(([key, each]) => [adaptValue(key), adaptValue(each)]));
  return isNode(value) ? adapt(value) : value;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}

/** What an expression writes is Python's text of it. */
function written(node: Node): Node {
  return STATEMENTS.includes(node.type) || node.type === 'StringLiteral' ? node : call(names.text, node);
}

function methodOf(node: Node): Node {
  const callee = node.callee as Node;
  const { object, property, computed } = callee as { object?: unknown; property?: Node; computed?: unknown };
  const name = String(property?.value);
  if (callee.type !== 'MemberExpression' || computed || !Object.hasOwn(CALLED, name)) return node;
  return call(names.method(name), object as Node, ...(node.args as Node[]));
}

function filterOf(node: Node): Node {
  const filter = node.filter as Node;
  const isCall = filter.type === 'CallExpression';
  const name = String((isCall ? (filter.callee as Node) : filter).value);
  if (!Object.hasOwn(FILTERS, name)) return node;
  return call(names.filter(name), node.operand as Node, ...(isCall ? (filter.args as Node[]) : []));
}

/** `for item in items`, and `for item in items if test`. */
function itemsOf(iterable: Node): Node {
  if (iterable.type !== 'SelectExpression') return call(names.items, iterable);
  return make(iterable, { lhs: call(names.items, iterable.lhs as Node) });
}

/** The body of a loop, each turn of which begins anew. */
function bodyOf(loop: Node): Node[] {
  const body = loop.body as Node[];
  const own = new Set([loop.loopvar as Node].flatMap(namesIn));
  const set = [...new Set(body.flatMap(setIn))].filter((name) => !own.has(name));
  const renewed = set.length > 0 ? [call(names.renew, ...set.map(text)), ...body] : body;
  if (!body.some(leaves)) return renewed;
  const going = make(NOT, { argument: identifier(names.ended) });
  return [make(IF, { test: going, body: upToLeaving(renewed), alternate: [] })];
}

/** Statements such that nothing follows those that leave the turn, and none of them has to. */
function upToLeaving(statements: readonly Node[]): Node[] {
  const at = statements.findIndex(leaves);
  if (at < 0) return [...statements];
  const [before, node, after] = [statements.slice(0, at), statements[at], statements.slice(at + 1)];
  if (node.type === 'Continue') return before;
  if (node.type === 'Break') return [...before, call(names.end)];
  const [body, alternate] = [node.body, node.alternate].map((branch) =>
    upToLeaving([...(branch as Node[]), ...after]),
  );
  return [...before, make(node, { body, alternate })];
}

/** Whether the statement may leave the turn of the loop that it is in. */
function leaves(node: Node): boolean {
  if (node.type === 'Continue' || node.type === 'Break') return true;
  return node.type === 'If' && branchesOf(node).some(leaves);
}

/** The names that a statement sets in the scope in which it stands. */
function setIn(node: Node): string[] {
  if (node.type === 'If') return branchesOf(node).flatMap(setIn);
  return node.type === 'Set' ? namesIn(node.assignee as Node) : [];
}

function branchesOf(node: Node): Node[] {
  return [...(node.body as Node[]), ...(node.alternate as Node[])];
}

/** The variables that a target names. */
function namesIn(target: Node): string[] {
  if (target.type === 'Identifier') return [String(target.value)];
  return target.type === 'TupleLiteral' ? (target.value as Node[]).flatMap(namesIn) : [];
}
