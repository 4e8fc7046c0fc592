import { type BackboneFixture, describeBackbone } from '../contracts/backbone.js';
import { describeFamily } from '../contracts/family.js';
import { fixture } from '../support/files.js';
import { makeLadder } from '../support/ladder.js';

const on = (folder: string): BackboneFixture => ({ model: fixture(folder) });
const variant = (folder: string): BackboneFixture => ({ ...on(folder), isVariant: true });

describeFamily('backbones', describeBackbone, [
  ['bloom', on('bloom')],
  ['bloom', variant('bloom-odd')],
  ['chatglm', on('chatglm')],
  ['chatglm', on('chatglm2')],
  ['chatglm', variant('chatglm2-odd')],
  ['llama', on('llama')],
  ['llama', variant('llama-tied')],
  ['llama', variant('llama3')],
  ['llama', variant('mistral')],
  ['llama', variant('qwen2')],
  ['llama', variant('qwen3')],
  ['ladder', { model: makeLadder, targetModules: ['mix'] }, 'ladder-backbone.ts'],
]);
