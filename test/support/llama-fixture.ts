import { fixture } from './files.js';

/** What test/fixtures/make_llama.py writes into llama/expected.json; arrays are base64 of float32. */
export interface ExpectedLlama {
  readonly rows: readonly { inputIds: number[]; labels: number[] }[];
  readonly vocabulary: number;
  readonly parameters: number;
  /** Row by row. */
  readonly logits: string;
  /** Summed over the labels. */
  readonly loss: number;
  readonly texts: readonly { text: string; ids: number[]; decoded: string }[];
  /** "Name a color." as a prompt. */
  readonly prompt: readonly number[];
  readonly training: {
    readonly options: {
      perDeviceBatchSize: number;
      gradientAccumulationSteps: number;
      epochs: number;
      learningRate: number;
      warmupSteps: number;
      weightDecay: number;
      maxGradNorm: number;
    };
    readonly steps: readonly { loss: number; gradNorm: number; learningRate: number; targets: number }[];
    /** The adapter after the last step. */
    readonly adapter: Readonly<Record<string, string>>;
  };
}

export const LLAMA = { path: fixture('llama') };
export const PEFT_ADAPTER = { method: 'lora', init: fixture('peft-adapter') };
