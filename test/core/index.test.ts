import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import * as core from '../../core/index.js';
import * as backbones from '../../plugins/backbones/kit/index.js';
import * as checkpoints from '../../plugins/checkpoints/kit/index.js';
import * as datasets from '../../plugins/datasets/kit/index.js';
import * as templates from '../../plugins/templates/kit/index.js';

/** What plugins are written against: a name that goes or changes breaks them, and asks for a new API_VERSION. */
describe('the public face', () => {
  it('has the TensorFlow.js that plugins may also import', () => {
    expect(core.tf.Tensor).to.equal(tf.Tensor);
    expect(core.tf.engine()).to.equal(tf.engine());
    expect(Object.keys(core.tf)).to.include.members(['grads', 'layers', 'train']);
  });

  it('of the core', () => {
    expect(Object.keys(core).sort()).to.deep.equal(
      [
        ...[
          'API_VERSION',
          'BLOCK_TOKENS',
          'BeamSearch',
          'Breath',
          'DENSE_TYPES',
          'Decoder',
          'DenseWeight',
          'EmbeddingSite',
          'EvolveError',
          'GENERATE_DEFAULTS',
          'IGNORED',
          'LinearSite',
          'ModelFolder',
          'PagedCache',
          'PagedLayer',
          'SLAB_BLOCKS',
          'TokenSearch',
          'UncachedTokens',
        ],
        ...[
          'Random',
          'RandomStreams',
          'STDIN',
          'adamw',
          'addBias',
          'allocate',
          'attention',
          'attentionLayout',
          'checkpoint',
          'crossEntropy',
          'decodeFloats',
          'definePlugin',
          'deriveSeed',
          'dispatch',
        ],
        ...[
          'dropout',
          'embedding',
          'encodeFloats',
          'expandHome',
          'extensionPoint',
          'gelu',
          'generate',
          'generateAll',
          'inCheckpoint',
          'labelsOf',
          'launchOf',
          'layerNorm',
          'linear',
          'linearCrossEntropy',
          'logProbabilities',
          'loraLinear',
          'mapFile',
          'messageOf',
          'outOfMemory',
          'parseModelName',
          'perform',
          'releasePages',
          'rmsNorm',
          'rotary',
          'rotaryAngles',
        ],
        ...[
          'rotaryFrequencies',
          'selectRows',
          'displayPath',
          'splitColumns',
          'suggest',
          'swiglu',
          'tf',
          'toFloat32',
          'trainableLinearCrossEntropy',
          'twoDimensionalRotaryAngles',
          'unknownKind',
          'userCache',
          'UTF8_ADVICE',
          'commandLine',
          'filesOf',
          'foreignKind',
          'formatCount',
          'formatDuration',
          'formatMebibytes',
          'formatSize',
          'printable',
          'processName',
          'utf8End',
          'utf8Fault',
          'z',
        ],
      ].sort(),
    );
  });

  it('of what backbones share', () => {
    expect(Object.keys(backbones).sort()).to.deep.equal(
      [
        'CausalEncoder',
        'CausalModel',
        'WeightReader',
        'attend',
        'concatenate',
        'defineBackbone',
        'encodeExchange',
        'encodeTokens',
        'exchangesOfPrompt',
        'joinPieces',
        'loadTokenizer',
        'piecesOf',
        'refusePreference',
        'splitFused',
        'splitHeads',
      ].sort(),
    );
  });

  it('of what checkpoint formats share', () => {
    expect(Object.keys(checkpoints).sort()).to.deep.equal(['gguf', 'invalid']);
    expect(Object.keys(checkpoints.gguf).sort()).to.deep.equal(
      ['ARCHITECTURES', 'Metadata', 'alternatingHalves', 'queriesKeysValues', 'unwritable'].sort(),
    );
  });

  it('of what datasets share', () => {
    expect(Object.keys(datasets).sort()).to.deep.equal(
      [
        ...['FaultList', 'defineFormat', 'readLines', 'readRecords'],
        ...['cellsOf', 'chosenColumns', 'columnsOf', 'textIn', 'toldOf', 'valueIn'],
      ].sort(),
    );
  });

  it('of what templates share', () => {
    expect(Object.keys(templates).sort()).to.deep.equal(['conversationOf', 'templateOf']);
  });
});
