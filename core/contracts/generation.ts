/** How text is generated, and what comes of it. */

/** Names and meanings are those of transformers' GenerationConfig. */
export interface GenerateOptions {
  readonly maxNewTokens: number;
  /** 0 takes the likeliest tokens (greedy); above, scores are divided by it and tokens are drawn. */
  readonly temperature: number;
  /** Draw only from the likeliest tokens that together have this probability; 1 draws from all. */
  readonly topP: number;
  /** Draw only from this many of the likeliest tokens; 0 draws from all. */
  readonly topK: number;
  /** Above 1: tokens that the text already has become less likely (CTRL, arXiv 1909.05858). */
  readonly repetitionPenalty: number;
  /** No run of this many tokens comes twice, the prompt included. 0 allows all. */
  readonly noRepeatNgramSize: number;
  /** Above 1: this many continuations are followed side by side, and the likeliest whole answer is taken. */
  readonly numBeams: number;
  /** With beams: an answer's log-probability is divided by its length to this power. */
  readonly lengthPenalty: number;
  /** With beams: end with the first `numBeams` whole answers, even if others might become likelier. */
  readonly earlyStopping: boolean;
  readonly seed: number;
}

export interface Generated {
  readonly text: string;
  readonly tokens: number;
  /** `end`: the model said it was done; `length`: maxNewTokens, or the positions of the model, ran out. */
  readonly stopped: 'end' | 'length';
}
