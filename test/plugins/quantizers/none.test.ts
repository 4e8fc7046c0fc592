import { expect } from 'chai';
import { DenseWeight, definePlugin, type FrozenWeight } from '../../../core/index.js';
import { compose, withModel } from '../../support/compose.js';
import { expectError } from '../../support/errors.js';
import { fixture } from '../../support/files.js';

const LLAMA = { path: fixture('llama-tied') };

describe('the quantizer none', () => {
  it('leaves every weight as the checkpoint has it', () =>
    withModel({ model: LLAMA, quantizer: 'none' }, (model) => {
      for (const { weight } of model.linears) {
        expect(weight.storage).to.equal('f16');
        expect(weight.compute).to.equal(undefined);
      }
    }));

  it('says what the layers are computed in, without a copy of a byte; the output is left to the device', async () => {
    const before = new Map<string, FrozenWeight>();
    const watcher = definePlugin({
      name: 'watcher',
      apiVersion: 2,
      apply: (trainer) =>
        trainer.hooks.quantize.tap(
          (model) => {
            for (const { name, weight } of model.linears) before.set(name, weight);
            return model;
          },
          { stage: -1 },
        ),
    });
    const config = {
      model: LLAMA,
      quantizer: { name: 'none', compute: 'bf16' },
      device: { name: 'portable', backend: 'cpu' },
    };
    const run = await compose(config, { adapter: false, further: [watcher] });
    await run.assembler.openDevice();
    const { model } = await run.assembler.assemble();
    for (const { name, weight, isOutput } of model.linears) {
      const original = before.get(name);
      expect(weight.compute, name).to.equal(isOutput ? undefined : 'bf16');
      expect(weight, name).to.be.instanceOf(DenseWeight);
      expect((weight as DenseWeight).bytes, name).to.equal((original as DenseWeight).bytes);
      expect(original?.compute, 'what the checkpoint gave is not changed').to.equal(undefined);
    }
    model.dispose();
  });

  it('refuses other options', async () => {
    for (const options of [{ compute: 'int8' }, { bits: 4 }]) {
      const [key] = Object.keys(options);
      const load = () => compose({ quantizer: { name: 'none', ...options } });
      await expectError(load, 'PLUGIN_INVALID', `quantizer.${key}`);
    }
  });
});
