/** The names under which the container holds the parts of a run. */

export const ASSEMBLY_CONFIG = Symbol('AssemblyConfig');
export const RUN_CONFIG = Symbol('RunConfig');
export const RESOLVED_CONFIG = Symbol('ResolvedConfig');
export const HOOKS = Symbol('Hooks');
export const RANDOM = Symbol('RandomStreams');
export const SIGNAL = Symbol('AbortSignal');
export const CONTEXT = Symbol('RunContext');
export const REQUESTS = Symbol('RunRequests');
export const BAD_ROWS = Symbol('BadRows');
export const EXAMPLE_READER = Symbol('ExampleReader');
export const CORPUS_MAKER = Symbol('CorpusMaker');
export const MODEL_ASSEMBLER = Symbol('ModelAssembler');
export const RUN_FOLDER = Symbol('RunFolder');
export const RUN_CHECKPOINTS = Symbol('RunCheckpoints');
export const RUN_SAVES = Symbol('RunSaves');
export const PREPARATION = Symbol('Preparation');
export const PLANNER = Symbol('Planner');
export const TRAINER = Symbol('Trainer');
export const EVALUATOR = Symbol('Evaluator');
export const VERIFIER = Symbol('Verifier');
