/** What schedule plugins make: the learning rate of every step. */

/** What a schedule is made for. */
export interface ScheduleRequest {
  /** Optimizer steps of the whole run. */
  readonly steps: number;
  /** `train.learningRate`: the highest rate. */
  readonly learningRate: number;
  /** `train.minLearningRate`: where a decay ends. */
  readonly minLearningRate: number;
  /** The rate rises from 0 over this many steps. */
  readonly warmupSteps: number;
}

export interface Schedule {
  /** The rate of update `step`, which counts from 0. Called once a step, in order. */
  learningRateAt(step: number): number;
  /** The state of a schedule that learns from the run, as JSON. One that follows from the step alone has none. */
  state?(): unknown;
  restore?(state: unknown): void;
}
