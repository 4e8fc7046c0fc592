import { type BackboneFixture, describeBackbone } from '../contracts/backbone.js';
import { describeFamily } from '../contracts/family.js';
import { fixture } from '../support/files.js';
import { makeLadder } from '../support/ladder.js';

const on = (folder: string): BackboneFixture => ({ model: fixture(folder) });

describeFamily('backbones', describeBackbone, [
  ['bloom', on('bloom')],
  ['bloom', on('bloom-odd')],
  ['chatglm', on('chatglm')],
  ['chatglm', on('chatglm2')],
  ['chatglm', on('chatglm2-odd')],
  ['llama', on('llama')],
  ['llama', on('llama-tied')],
  ['llama', on('llama3')],
  ['llama', on('mistral')],
  ['llama', on('qwen2')],
  ['llama', on('qwen3')],
  ['ladder', { model: makeLadder, targetModules: ['mix'] }, 'ladder-backbone.ts'],
]);
