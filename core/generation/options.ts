/** How text is generated; names and meanings are those of transformers' GenerationConfig. */
export interface GenerateOptions {
  readonly maxNewTokens: number;
  /** 0 takes the likeliest tokens (greedy); above, scores are divided by it and tokens are drawn. */
  readonly temperature: number;
  /** Draw only from the likeliest tokens that together have this probability; 1 draws from all. */
  readonly topP: number;
  /** Draw only from this many of the likeliest tokens; 0 draws from all. */
  readonly topK: number;
  /** Above 1: makes tokens that stand in the text already less likely (CTRL, arXiv 1909.05858). */
  readonly repetitionPenalty: number;
  /** No run of so many tokens comes twice, the prompt included; 0 allows it. */
  readonly noRepeatNgramSize: number;
  /** Above 1: so many continuations are followed side by side, and the likeliest whole answer is taken. */
  readonly numBeams: number;
  /** Of beams: an answer's log-probability is divided by its length to this power. */
  readonly lengthPenalty: number;
  /** Of beams: end with the first `numBeams` whole answers, even where others might become likelier. */
  readonly earlyStopping: boolean;
  readonly seed: number;
}

/** What a search for one answer is told. */
export interface SearchOptions extends GenerateOptions {
  /** What errors call the prompt. */
  readonly name: string;
  /** Any of these ends an answer. */
  readonly stopIds: ReadonlySet<number>;
  /** Prompt and answer together have at most so many tokens. */
  readonly limit: number;
}

export const GENERATE_DEFAULTS: GenerateOptions = {
  maxNewTokens: 128,
  temperature: 0,
  topP: 1,
  topK: 0,
  repetitionPenalty: 1,
  noRepeatNgramSize: 0,
  numBeams: 1,
  lengthPenalty: 1,
  earlyStopping: false,
  seed: 42,
};
