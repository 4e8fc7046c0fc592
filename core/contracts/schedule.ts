/** What schedule plugins make: the learning rate of every step. */

/** What a schedule is made for. */
export interface ScheduleRequest {
  /** Optimizer steps of the whole run. */
  readonly steps: number;
  /** `train.learningRate`: the highest rate. */
  readonly learningRate: number;
  /** `train.minLearningRate`: where a decay ends. */
  readonly minLearningRate: number;
  /** Over so many steps the rate rises from 0. */
  readonly warmupSteps: number;
}

export interface Schedule {
  /** The rate of update `step`, from 0. Asked once a step, in order. */
  learningRateAt(step: number): number;
  /** What is to be kept of a schedule that learns from the run, as JSON; one that follows from the step has none. */
  state?(): unknown;
  restore?(state: unknown): void;
}
