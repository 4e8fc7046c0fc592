/** The variables by which a hub is used, for tests within this process. */

const NAMES = [
  'HF_ENDPOINT',
  'HF_HOME',
  'HF_HUB_CACHE',
  'HUGGINGFACE_HUB_CACHE',
  'XDG_CACHE_HOME',
  'HF_TOKEN',
  'HUGGING_FACE_HUB_TOKEN',
  'HF_TOKEN_PATH',
  'HF_HUB_OFFLINE',
  'TRANSFORMERS_OFFLINE',
  'HF_HUB_DISABLE_SYMLINKS',
];

/** Those of the machine, cleared; `restore` brings them back. */
export class HubEnvironment {
  readonly #before = Object.fromEntries(NAMES.map((name) => [name, process.env[name]]));

  constructor() {
    for (const name of NAMES) delete process.env[name];
  }

  set(values: Readonly<Record<string, string>>): void {
    Object.assign(process.env, values);
  }

  restore(): void {
    for (const [name, value] of Object.entries(this.#before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
