import { describeFamily } from '../contracts/family.js';
import { describeHub, type HubFixture } from '../contracts/hub.js';
import { TemporaryFolder } from '../support/files.js';
import { HubCase } from '../support/hub-case.js';

const huggingface: HubFixture['serve'] = async (files) => {
  const served = new HubCase();
  await served.serve(files);
  return { name: served.hub.repository, end: () => served.end() };
};

const shelf: HubFixture['serve'] = async (files) => {
  const folder = new TemporaryFolder();
  for (const [file, content] of Object.entries(files)) folder.write(`people/model/${file}`, content);
  return { name: 'people/model', options: { folder: folder.path }, end: () => folder.remove() };
};

describeFamily('hubs', describeHub, [
  ['huggingface', { downloads: true, serve: huggingface }],
  ['shelf', { options: { folder: '/nowhere' }, downloads: false, serve: shelf }, 'shelf.ts'],
]);
