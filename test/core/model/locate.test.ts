import { expect } from 'chai';
import { ModelLocator } from '../../../core/model/locate.js';
import { createHooks } from '../../../core/plugins/hooks.js';

describe('ModelLocator', () => {
  it('says that there is no such folder before a hub is asked, unless a revision makes it a name', async () => {
    const hooks = createHooks();
    const said: string[] = [];
    hooks.log.tap('test', (event) => {
      if (event.type === 'notice') said.push(event.message);
    });
    hooks.locateModel.tapPromise('hub', async ({ name }) => {
      said.push(`asked for ${name}`);
      return { path: '/there', name };
    });
    const locator = new ModelLocator(hooks, new AbortController().signal);
    for (const name of ['models/mine', 'owner/name@main'])
      await locator.locate({ name, kind: 'model', weights: true, at: ['model', 'path'] });
    expect(said).to.deep.equal([
      'there is no folder models/mine here; it is taken as the name of a model on a hub',
      'asked for models/mine',
      'asked for owner/name@main',
    ]);
  });
});
