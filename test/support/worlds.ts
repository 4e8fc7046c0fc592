import type { World } from '../../core/index.js';

/** What all processes gave in one call, by their ranks. */
interface Meeting {
  readonly given: unknown[];
  readonly waiting: ((given: readonly unknown[]) => void)[];
}

/** Worlds of `size` whose processes are this one: each waits for the others, call by call. */
export function worldsOf(size: number): World[] {
  const meetings: Meeting[] = [];
  return Array.from({ length: size }, (_, rank) => {
    let calls = 0;
    const meet = async <T>(given: T): Promise<readonly T[]> => {
      const at = calls++;
      meetings[at] ??= { given: [], waiting: [] };
      const meeting = meetings[at];
      meeting.given[rank] = given;
      const isLast = meeting.waiting.length === size - 1;
      if (!isLast) return new Promise((resolve) => meeting.waiting.push(resolve as (all: unknown) => void));
      for (const resolve of meeting.waiting) resolve(meeting.given);
      return meeting.given as T[];
    };
    return {
      rank,
      size,
      async sum(values) {
        const all = await meet(Float64Array.from(values));
        for (let i = 0; i < values.length; i++) values[i] = all.reduce((total, of) => total + of[i], 0);
      },
      broadcast: async (bytes) => Uint8Array.from((await meet(bytes))[0]),
      async barrier() {
        await meet(undefined);
      },
      async share(sizes) {
        const [buffers] = await meet(sizes.map((length) => new ArrayBuffer(length)));
        return size === 1 ? undefined : { buffers, place: rank, count: size };
      },
    };
  });
}
