/** Trees of OpenAssistant: a prompt with replies, each of which has replies again. */

interface Message {
  readonly text: string;
  readonly role: string;
  readonly rank?: number | null;
  readonly replies?: readonly Message[];
}

export interface Tree {
  readonly prompt: Message;
}

export function isTree(record: unknown): record is Tree {
  const prompt = (record as Partial<Tree> | null)?.prompt;
  return typeof prompt === 'object' && prompt !== null && Array.isArray(prompt.replies);
}

/** The branch that people liked best: of the replies to each message that of the lowest rank, else the first. */
export function branchesOf({ prompt }: Tree): Message[][] {
  const branch = [prompt];
  for (let replies = prompt.replies ?? []; replies.length > 0; ) {
    const best = replies.reduce((first, next) =>
      (next.rank ?? Infinity) < (first.rank ?? Infinity) ? next : first,
    );
    branch.push(best);
    replies = best.replies ?? [];
  }
  return [branch];
}
