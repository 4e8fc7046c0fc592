import { expect } from 'chai';
import { extensionPoint, type Plugin, type TrainerView } from '../../../core/index.js';
import { API_VERSION } from '../../../core/plugins/plugin.js';
import { compose } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';

const DIALECTS = extensionPoint<string>('speech dialects');

const plugin = (name: string, apply: Plugin['apply']): Plugin => ({ name, apiVersion: API_VERSION, apply });

describe('what plugins provide to each other', () => {
  it('is there in taps, in the order of the plugins, whichever of them asks', async () => {
    let found: readonly string[] = [];
    const asking = plugin('asking', (trainer) =>
      trainer.hooks.done.tap(() => {
        found = trainer.provided(DIALECTS);
      }),
    );
    const giving = (name: string, ...dialects: string[]) =>
      plugin(name, (trainer) => trainer.provide(DIALECTS, ...dialects));
    const further = [giving('first', 'Swiss', 'Bavarian'), asking, giving('last', 'Frisian')];
    const { hooks } = await compose({}, { further });
    await hooks.done.promise({} as never);
    expect(found).to.deep.equal(['Swiss', 'Bavarian', 'Frisian']);
    expect((await view()).provided(DIALECTS), 'of another run').to.deep.equal([]);
  });

  it('is asked for by the name of the point, and by no other', async () => {
    const given = await view((trainer) => trainer.provide(DIALECTS, 'Swiss'));
    expect(given.provided(extensionPoint<string>('speech dialects'))).to.deep.equal(['Swiss']);
    expect(given.provided(extensionPoint<string>('speech'))).to.deep.equal([]);
  });

  it('is provided only while plugins are applied, and asked for only afterwards', async () => {
    const sealed = await view();
    await expectError(
      () => sealed.provide(DIALECTS, 'Swiss'),
      'PLUGIN_INVALID',
      '"mine" provides "speech dialects"',
      'after the run has been assembled',
    );
    await expectError(
      () => view((trainer) => trainer.provided(DIALECTS)),
      'PLUGIN_INVALID',
      '"mine" asks for "speech dialects"',
      'before all plugins have been applied',
    );
  });
});

/** The view of a plugin, once all have been applied. */
async function view(apply: (trainer: TrainerView) => void = () => {}): Promise<TrainerView> {
  let kept: TrainerView | undefined;
  const mine = plugin('mine', (trainer) => {
    kept = trainer;
    apply(trainer);
  });
  await compose({}, { further: [mine] });
  return kept!;
}
