/** Changes in a JSON text that leave the rest of it as it is: parsed and written again, `6.0` would become `6`. */

const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+|\s+/g;

/** A member of an object as it is written: the white space before it, its key, and the text of key and value. */
interface Member {
  readonly space: string;
  readonly key: string;
  readonly text: string;
}

/**
 * The text of a JSON object with other values under some of its keys: undefined takes a key out, others are put last
 * where it has none.
 *
 * @param text valid JSON, an object
 */
export function withMembers(text: string, changes: Readonly<Record<string, unknown>>): string {
  const { before, members, after } = membersOf(text);
  const kept = members.flatMap((member) => {
    if (!Object.hasOwn(changes, member.key)) return [member];
    const value = changes[member.key];
    return value === undefined ? [] : [{ ...member, text: memberText(member.key, value) }];
  });
  const known = new Set(members.map(({ key }) => key));
  for (const [key, value] of Object.entries(changes)) {
    if (value !== undefined && !known.has(key))
      kept.push({ space: members[0]?.space ?? '', key, text: memberText(key, value) });
  }
  return `${before}${kept.map((member) => member.space + member.text).join(',')}${after}`;
}

function memberText(key: string, value: unknown): string {
  return `${JSON.stringify(key)}: ${JSON.stringify(value)}`;
}

/** The members of the outermost object, what stands before the first and what stands behind the last. */
function membersOf(text: string): { before: string; members: Member[]; after: string } {
  const members: Member[] = [];
  let [depth, start, first] = [0, 0, 0];
  const end = (at: number) => {
    const written = text.slice(start, at);
    const body = written.trim();
    if (body === '') return start;
    const [key] = body.match(TOKENS) ?? [''];
    const space = written.slice(0, written.length - written.trimStart().length);
    members.push({ space, key: JSON.parse(key) as string, text: body });
    return start + space.length + body.length;
  };
  for (const { 0: token, index: at } of text.matchAll(TOKENS)) {
    if (token === '{' || token === '[') depth++;
    if (depth === 1 && token === '{' && first === 0) {
      first = at + 1;
      start = first;
    } else if (depth === 1 && (token === ',' || token === '}')) {
      const last = end(at);
      start = at + 1;
      if (token === '}') return { before: text.slice(0, first), members, after: text.slice(last) };
    }
    if (token === '}' || token === ']') depth--;
  }
  throw new Error('the text is no JSON object');
}
