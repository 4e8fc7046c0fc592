/** What has to be reached: the one place where the bars stand. A row of the table finds its bars by its name. */

/** `ratio`: how many times better than the peer (of memory and time to a point: the share of the peer's). */
export interface Bar {
  readonly of: 'ratio' | 'ours';
  readonly atLeast?: number;
  readonly atMost?: number;
}

const GIB = 2 ** 30;
const atLeast = (ratio: number): readonly Bar[] => [{ of: 'ratio', atLeast: ratio }];

export const BARS: Readonly<Record<string, readonly Bar[]>> = {
  'linear bf16, 512×4096×4096 forward': atLeast(0.9),
  'linear bf16, 512×4096×4096 backward': atLeast(0.9),
  'linear bf16, 2048×576×1536 forward': atLeast(0.9),
  'linear bf16, 2048×576×1536 backward': atLeast(0.9),
  'linear int8 computed in int8, 512×4096×4096 forward': atLeast(1.6),
  'linear int8 computed in int8, 512×4096×4096 backward': atLeast(1.6),
  'linear int8 computed in bf16 against our bf16, 512×4096×4096 forward': atLeast(0.9),
  'linear int8 computed in bf16 against our bf16, 512×4096×4096 backward': atLeast(0.9),
  'training step against PEFT': atLeast(1.5),
  'epoch, rows per second': atLeast(3),
  'epoch, held-out loss': [{ of: 'ratio', atMost: 1.01 }],
  'epoch, peak memory': [{ of: 'ratio', atMost: 0.6 }],
  '7B step, speed (theirs: our best int8 product)': atLeast(0.75),
  '7B step, speed by CPU time (theirs: our best int8 product)': atLeast(0.75),
  '7B step, peak memory': [{ of: 'ours', atMost: 12 * GIB }],
  'first step begins': [
    { of: 'ratio', atMost: 0.5 },
    { of: 'ours', atMost: 3 },
  ],
  'the main job beside 2 busy loops, of a fair share': [{ of: 'ours', atMost: 1.3 }],
  'the main job beside 4 busy loops, of a fair share': [{ of: 'ours', atMost: 1.3 }],
  'decoding beside 2 busy loops, of a fair share': [{ of: 'ours', atMost: 1.3 }],
  'decoding beside 4 busy loops, of a fair share': [{ of: 'ours', atMost: 1.3 }],
  'exact match of 200 questions (theirs: generate, of the same prompts)': atLeast(0.8),
  'corpus, first start to the first step': [{ of: 'ratio', atMost: 1 / 3 }],
  'corpus, memory for data while encoding': [{ of: 'ours', atMost: 200e6 }],
  'corpus, second start to the first step': [{ of: 'ours', atMost: 2 }],
  'corpus, memory for data while training': [{ of: 'ours', atMost: 100e6 }],
  'embedded default, 2 processes on all cores against one': atLeast(0.95),
  '135M shape in int8, 2 processes on all cores against one': atLeast(0.95),
  'embedded default, command to adapter': [{ of: 'ours', atMost: 25 }],
  'embedded default, JavaScript and garbage collection within steps': [{ of: 'ours', atMost: 10 }],
};

/** Whether every bar is reached; null where there is none, or a figure that it needs is missing. */
export function isReached(
  bars: readonly Bar[],
  figures: { ours: number | null; ratio: number | null },
): boolean | null {
  const values = bars.map(({ of }) => figures[of]);
  if (bars.length === 0 || values.some((value) => value === null)) return null;
  return bars.every(({ atLeast: low, atMost: high }, i) => {
    const value = values[i] as number;
    return value >= (low ?? Number.NEGATIVE_INFINITY) && value <= (high ?? Number.POSITIVE_INFINITY);
  });
}
