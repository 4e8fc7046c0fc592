/** The training settings of both sides, written once. */

/** LoRA and optimizer as both sides take them. */
export const LORA = { r: 8, alpha: 16, targetModules: ['q_proj', 'v_proj'] } as const;
export const LEARNING_RATE = 3e-4;
export const SEED = 42;
export const CUTOFF = 512;
export const BATCH = 4;

export interface PeftOptions {
  readonly model: string;
  readonly dtype: 'bf16' | 'f32';
  readonly dropout: number;
  readonly warmupSteps: number;
  readonly steps: number;
  readonly rows?: string;
  readonly adapter?: string;
  readonly accumulation?: number;
  readonly shuffle?: boolean;
}

/** For python/training.py. */
export function peftOptions(options: PeftOptions): object {
  return {
    ...LORA,
    seed: SEED,
    learningRate: LEARNING_RATE,
    batchSize: BATCH,
    cutoffLength: CUTOFF,
    accumulation: 1,
    shuffle: false,
    ...options,
  };
}
