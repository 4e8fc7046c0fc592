/** What charts.ts hands to the page, where client/charts.ts draws it. */

export interface ChartData {
  readonly title: string;
  /** What is drawn, in a few words. */
  readonly note: string;
  readonly format: 'number' | 'small' | 'bytes';
  /** Whether the axis of the numbers is logarithmic. */
  readonly isLogarithmic: boolean;
  readonly lines: readonly LineData[];
}

export interface LineData {
  /** Lines of one name share a colour and a place in the legend. */
  readonly name: string;
  /** What this line is among those of its name; may be empty. */
  readonly detail: string;
  /** Counts from 0. */
  readonly color: number;
  /** `each`: a faint line behind its mean. `points`: measured now and then. */
  readonly kind: 'each' | 'line' | 'points';
  /** Optimizer steps, in ascending order. */
  readonly x: readonly number[];
  readonly y: readonly number[];
}
