/**
 * What an optimizer step costs on any number of processes, as a formula:
 *
 *     step = micro-batches of the busiest process + update + calls + sum of the gradients
 *
 * It assumes that
 * - all micro-batches take the same time, and a process takes whole ones;
 * - a micro-batch takes as long as it does while all cores of the machine are busy, which share its memory; processes beyond the
 *   cores share these;
 * - every process updates all parameters, which takes the same time however many there are;
 * - a message takes `latency` and its bytes through `bandwidth`, whoever else sends; adding numbers up and the hand-over between
 *   JavaScript and the thread of MPI are in what was measured;
 * - a call of the world begins with a barrier, which takes ⌈log₂ n⌉ messages one after the other, and so does a sum of a few numbers;
 * - gradients are summed in a ring or along a tree, whichever is faster; nothing is computed meanwhile.
 */

/** Between two processes. */
export interface Link {
  /** Seconds until a message of few bytes is there. */
  readonly latency: number;
  /** Bytes a second. */
  readonly bandwidth: number;
}

export interface StepFacts {
  /** Seconds of a micro-batch on a core. */
  readonly microBatch: number;
  readonly microBatches: number;
  /** Seconds of all that a process does besides: the update, and what does not depend on its share. */
  readonly update: number;
  /** Of all trained parameters, in fp32. */
  readonly gradientBytes: number;
  /** Sums of a few numbers in a step, besides that of the gradients. */
  readonly calls: number;
  /** Seconds of a call within the process: to the thread of MPI and back. */
  readonly handOver: number;
  /** For each machine; with Infinity every process has one of its own. */
  readonly cores: number;
}

/** What one process sends, one message after the other. */
export interface Sent {
  readonly messages: number;
  readonly bytes: number;
}

const rounds = (processes: number) => Math.ceil(Math.log2(processes));

/** A sum in a ring: each process passes on n-th parts of the bytes, n − 1 times to add them up and n − 1 to spread the sums. */
export function ringSum(processes: number, bytes: number): Sent {
  const passes = 2 * (processes - 1);
  return { messages: passes, bytes: (passes / processes) * bytes };
}

/** A sum along a binomial tree: all bytes go up to the root and down again. What the root receives and sends, it does in turns. */
export function treeSum(processes: number, bytes: number): Sent {
  const levels = 2 * rounds(processes);
  return { messages: levels, bytes: levels * bytes };
}

export function secondsOf({ messages, bytes }: Sent, { latency, bandwidth }: Link): number {
  return messages * latency + bytes / bandwidth;
}

/** A call that sums few numbers: a barrier, and the sum. */
export function callSeconds(processes: number, handOver: number, link: Link): number {
  return processes === 1 ? 0 : handOver + 2 * rounds(processes) * link.latency;
}

/** A call that sums gradients. */
export function sumSeconds(processes: number, bytes: number, handOver: number, link: Link): number {
  if (processes === 1) return 0;
  const fastest = [ringSum, treeSum].map((sum) => secondsOf(sum(processes, bytes), link));
  return handOver + rounds(processes) * link.latency + Math.min(...fastest);
}

/** A whole step, in seconds. */
export function stepSeconds(processes: number, step: StepFacts, link: Link): number {
  const { microBatches, gradientBytes, handOver, cores } = step;
  const busiest = Math.ceil(microBatches / processes) * step.microBatch;
  const compute = busiest * Math.max(1, Math.min(processes, microBatches) / cores);
  const update = step.update * Math.max(1, processes / cores);
  const calls = step.calls * callSeconds(processes, handOver, link);
  return compute + update + calls + sumSeconds(processes, gradientBytes, handOver, link);
}
