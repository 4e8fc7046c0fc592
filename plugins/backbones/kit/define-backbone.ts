import {
  type BackboneRequest,
  definePlugin,
  type Encoder,
  type EncoderRequest,
  type LanguageModel,
  type LengthLimit,
  type ModelFiles,
  type ModelRequest,
  type Plugin,
} from '../../../core/index.js';
import { gguf as ggufKit } from '../../checkpoints/kit/index.js';
import { CausalEncoder } from './encoder.js';
import { type LoadedTokenizer, loadTokenizer } from './tokenizer.js';
import { checkVocabulary } from './tokenizers/vocabulary.js';

/** A backbone: which models it takes, and how it loads one. */
export interface Backbone extends Pick<Plugin, 'name' | 'apiVersion'> {
  /** The values of `model_type` in config.json that it takes. */
  readonly modelTypes: readonly string[];
  /** How its models stand in GGUF files, where they can. */
  readonly gguf?: readonly ggufKit.Architecture[] | undefined;
  /**
   * What it makes of a model's config.json.
   *
   * @param path of the model, for errors
   * @throws EvolveError MODEL_INVALID that names what is missing or not supported
   */
  fromConfig(json: Record<string, unknown>, path: string): ConfiguredModel;
}

/** How a model of some config.json is loaded. */
export interface ConfiguredModel {
  /** Rows of the embedding: the tokenizer must fit them. */
  readonly vocabularySize: number;
  /** How long its rows may be. */
  readonly limit?: LengthLimit | undefined;
  /** Where the tokenizer is not what `loadTokenizer` makes of the files alone. */
  loadTokenizer?(files: ModelFiles): Promise<LoadedTokenizer>;
  /** Where the encoder is not a `CausalEncoder`. */
  makeEncoder?(tokenizer: LoadedTokenizer, request: EncoderRequest): Encoder;
  loadModel(request: ModelRequest): Promise<LanguageModel>;
}

interface ModelSizes {
  readonly vocabularySize: number;
  readonly maxPositions: number;
  readonly limitedBy?: string | undefined;
}

/** A model of this class, which is made of its configuration and of the weights that `readWeights` finds for it. */
export function modelOf<Config extends ModelSizes, Weights>(
  config: Config,
  readWeights: (request: ModelRequest, config: Config) => Promise<Weights>,
  Model: new (path: string, config: Config, weights: Weights) => LanguageModel,
): ConfiguredModel {
  return {
    vocabularySize: config.vocabularySize,
    limit: { maxLength: config.maxPositions, limitedBy: config.limitedBy },
    loadModel: async (request) => new Model(request.path, config, await readWeights(request, config)),
  };
}

/** The plugin of a backbone: it answers where config.json names one of its model types, or it alone is asked. */
export function defineBackbone({ name, apiVersion, modelTypes, gguf = [], fromConfig }: Backbone): Plugin {
  const configured = async (request: BackboneRequest): Promise<ConfiguredModel | undefined> => {
    request.takes(modelTypes);
    if (request.backbone !== 'auto' && request.backbone !== name) return undefined;
    const json = await request.readJson('config.json');
    return json && modelTypes.includes(String(json.model_type)) ? fromConfig(json, request.path) : undefined;
  };
  return definePlugin<unknown>({
    name,
    apiVersion,
    family: 'backbones',
    apply(trainer) {
      trainer.provide(ggufKit.ARCHITECTURES, ...gguf);
      trainer.hooks.loadEncoder.tap(async (request) => {
        const model = await configured(request);
        if (!model) return undefined;
        const tokenizer = await (model.loadTokenizer ?? loadTokenizer)(request);
        checkVocabulary(tokenizer, model.vocabularySize, request.path);
        return (
          model.makeEncoder?.(tokenizer, request) ??
          new CausalEncoder(tokenizer, request.template, model.vocabularySize, model.limit)
        );
      });
      trainer.hooks.loadModel.tap(async (request) => (await configured(request))?.loadModel(request));
    },
  });
}
