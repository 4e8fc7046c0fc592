/** The layout in which transformers keeps a model: config.json, the tokenizer's files, model.safetensors. */

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { EvolveError } from '../base/errors.js';
import type { DenseType } from '../base/floats.js';
import { withMembers } from '../base/json-text.js';
import type { SaveRequest } from '../contracts/adapter.js';
import type { LanguageModel } from '../contracts/backbone.js';
import type { CheckpointFiles, TensorToWrite } from '../contracts/checkpoint.js';
import { type ChatWords, withChatWords } from './chat-template.js';

/** These files are copied unchanged if they exist, and so are the model's own companions. */
const COMPANIONS = [
  'tokenizer.json',
  'tokenizer_config.json',
  'tokenizer.model',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'generation_config.json',
];

/** The names that transformers has for the types. */
const TYPE_NAMES: Readonly<Record<DenseType, string>> = { f32: 'float32', bf16: 'bfloat16', f16: 'float16' };

/** Larger files are split, as transformers does. */
const MAX_SHARD_BYTES = 5e9;

/** All files of a model but its weights, ready to be written with weights. */
export class ModelFolder {
  private constructor(
    /** The text of config.json. */
    private readonly config: string,
    private readonly companions: ReadonlyMap<string, Uint8Array>,
    private readonly type: DenseType,
  ) {}

  /**
   * A folder like the one that `model` came from, for weights of type `type`. Files that are not trained are read now: the
   * base model may be gone when they are written. Without `chat` the model keeps its own chat template and end tokens.
   *
   * @throws EvolveError MODEL_INVALID if there is no config.json
   */
  static async like(
    { path: base, companions: own = [] }: LanguageModel,
    { readModelFile }: Pick<CheckpointFiles, 'readModelFile'>,
    type: DenseType,
    chat: ChatWords = {},
  ): Promise<ModelFolder> {
    const json = await readModelFile('config.json');
    if (!json) throw new EvolveError('MODEL_INVALID', `${base}: there is no config.json`);
    const companions = new Map<string, Uint8Array>();
    for (const name of [...COMPANIONS, ...own]) {
      const content = await readModelFile(name);
      if (content) companions.set(name, content);
    }
    const config = new TextDecoder().decode(json);
    return new ModelFolder(config, withChatWords(companions, config, chat), type);
  }

  /** Writes these tensors into a folder, with all that belongs to them. */
  async write(
    tensors: ReadonlyMap<string, TensorToWrite>,
    { folder, writeTensors }: Pick<SaveRequest, 'folder' | 'writeTensors'>,
  ): Promise<void> {
    await writeTensors({
      path: path.join(folder, 'model.safetensors'),
      tensors,
      type: this.type,
      maxShardBytes: MAX_SHARD_BYTES,
      metadata: { format: 'pt' },
    });
    for (const [name, content] of this.files) await writeFile(path.join(folder, name), content);
  }

  /** The files beside the weights, by name. */
  get files(): ReadonlyMap<string, Uint8Array> {
    // transformers 5 writes `dtype`, earlier versions `torch_dtype`. All read the latter.
    const key = 'dtype' in JSON.parse(this.config) ? 'dtype' : 'torch_dtype';
    const changes = { [key]: TYPE_NAMES[this.type], quantization_config: undefined };
    return new Map([['config.json', Buffer.from(withMembers(this.config, changes))], ...this.companions]);
  }
}
