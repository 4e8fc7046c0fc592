/**
 * Every error that a person can meet: a code, a message that says what is wrong and where, and advice that
 * says what to do next. The code decides the exit status: 2 for faulty input, 1 for a run that failed.
 *
 *     throw new EvolveError('DATA_RECORD', `${file}, record 3: "output" is missing`, 'Add it, or remove the record.');
 */

/** Code -> exit status. core/commands/README.md explains each; a test holds the two together. */
export const ERROR_CODES = {
  COMMAND_LINE: 2,
  CONFIG_FILE: 2,
  CONFIG_INVALID: 2,
  PLUGIN_UNKNOWN: 2,
  PLUGIN_INVALID: 2,
  MODEL_UNKNOWN: 2,
  MODEL_INVALID: 2,
  HUB_UNKNOWN: 2,
  HUB_REFUSED: 2,
  CHECKPOINT_INVALID: 2,
  TARGET_MODULES: 2,
  ADAPTER_INVALID: 2,
  DATA_UNKNOWN: 2,
  DATA_FILE: 2,
  DATA_RECORD: 2,
  DATA_EMPTY: 2,
  DEVICE_UNKNOWN: 2,
  OUTPUT_FOLDER: 2,
  RESUME: 2,
  WORLD_INVALID: 2,
  DEVICE_INSTALL: 1,
  PLUGIN_FAILED: 1,
  HUB_UNREACHABLE: 1,
  DOWNLOAD_FAILED: 1,
  NOT_FINITE: 1,
  NO_GRADIENT: 1,
  WRITE_FAILED: 1,
  OUT_OF_MEMORY: 1,
  DEVICE_FAILED: 1,
  WORLD_FAILED: 1,
  STUDY_FAILED: 1,
  INTERRUPTED: 130,
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** An error for the person at the terminal, printed without a stack trace. */
export class EvolveError extends Error {
  override readonly name = 'EvolveError';
  readonly code: ErrorCode;
  /** What to do next; may be empty where the message says it all. */
  readonly advice: string;
  /** The key of the configuration that is at fault. The command line tells its file and line. */
  readonly at: readonly PropertyKey[] | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    advice = '',
    options: { cause?: unknown; at?: readonly PropertyKey[] } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.advice = advice;
    this.at = options.at;
  }

  /** The same error with the place of its key before the message. */
  locatedBy(locate: (at: readonly PropertyKey[]) => string): EvolveError {
    if (!this.at) return this;
    return new EvolveError(this.code, `${locate(this.at)}: ${this.message}`, this.advice, { cause: this });
  }

  get exitStatus(): number {
    // A plugin may have made up a code.
    return ERROR_CODES[this.code] ?? 1;
  }
}

/** One error that tells of all; of one alone, it is that one. Advice that several give is given once. */
export function joined(errors: readonly EvolveError[]): EvolveError {
  const [first, ...others] = errors;
  if (others.length === 0) return first;
  const code = others.every((error) => error.code === first.code) ? first.code : 'CONFIG_INVALID';
  const advice = new Set(errors.flatMap((error) => error.advice || []));
  return new EvolveError(code, errors.map(({ message }) => message).join('\n'), [...advice].join('\n'));
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
