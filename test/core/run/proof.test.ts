import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { definePlugin, type RunResult, type TrainingProof, tf } from '../../../core/index.js';
import type { Plugin } from '../../../core/plugins/plugin.js';
import { composeTestRun, type RunPlace, type RunValues, withRunPlace } from '../../support/runs.js';

describe('the proof of training', () => {
  let place: RunPlace;
  withRunPlace((made) => {
    place = made;
  });

  const train = async (values: Partial<RunValues>, plugins: readonly Plugin[] = []): Promise<RunResult> => {
    const { output, data } = place;
    const settings = { validationSize: 2, ...values, train: { maxSteps: 3, ...values.train } };
    const run = await composeTestRun({ output, data, ...settings }, plugins);
    return run.trainer.run();
  };
  const proofOf = async (...asked: Parameters<typeof train>) =>
    (await train(...asked)).proof as TrainingProof;

  it('holds of an adapter, and stands in run.json', async () => {
    const { baseLoss, evalLoss, parameters, proof } = await train({});
    expect(proof).to.deep.include({ passed: true, faults: [], moved: proof?.tensors });
    expect(proof?.tensors).to.be.above(3);
    expect(proof?.saved).to.deep.equal({
      step: 3,
      types: ['f32'],
      compared: proof?.tensors,
      logitsDiffer: 0,
    });
    expect(proof?.heldOut).to.deep.equal({
      base: baseLoss,
      saved: evalLoss,
      isLower: Number(evalLoss) < Number(baseLoss),
    });
    expect(proof?.gradNorm?.least)
      .to.be.above(0)
      .and.at.most(proof?.gradNorm?.most as number);
    expect(parameters?.trainable).to.be.above(0);
    expect(JSON.parse(readFileSync(`${place.output}/run.json`, 'utf8')).proof).to.deep.equal(proof);
  });

  it('holds of a model that is trained as a whole, as far as the type of its file goes', async () => {
    const proof = await proofOf({ adapter: { method: 'full', dtype: 'bf16' }, train: { learningRate: 0.1 } });
    expect(proof).to.deep.include({ passed: true, moved: proof.tensors });
    expect(proof.saved).to.deep.include({ types: ['bf16'], compared: proof.tensors });
    expect(proof.saved.logitsDiffer).to.be.above(0);
  });

  it('holds of a single step, which moves half of an adapter: the gradient of lora_A is zero as long as lora_B is', async () => {
    const proof = await proofOf({ train: { maxSteps: 1 } });
    expect(proof).to.deep.include({ passed: true, moved: proof.tensors / 2 });
    const warm = await proofOf({ train: { maxSteps: 2, warmupSteps: 1 } });
    expect(warm).to.deep.include({ passed: true, moved: warm.tensors / 2 });
  });

  it('does not hold where the learning rate was zero, and says so', async () => {
    const proof = await proofOf({ train: { maxSteps: 1, warmupSteps: 1 } });
    expect(proof).to.deep.include({ passed: false, moved: 0 });
    expect(proof.faults.join()).to.include('the learning rate was zero, as it is when a warmup begins');
  });

  it('names what did not move', async () => {
    const holding = definePlugin({
      name: 'holding',
      apiVersion: 2,
      apply({ hooks }) {
        hooks.gradients.tap(
          (gradients) =>
            new Map([...gradients].map(([name, g]) => [name, name.includes('lora_A') ? tf.zerosLike(g) : g])),
        );
      },
    });
    const proof = await proofOf({}, [holding]);
    expect(proof.passed).to.equal(false);
    expect(proof.moved).to.equal(proof.tensors / 2);
    expect(proof.faults.join()).to.include('lora_A');
  });

  it('does not hold where nothing that was saved can be read', async () => {
    const removing = definePlugin({
      name: 'removing',
      apiVersion: 2,
      apply({ hooks }) {
        hooks.log.tap((event) => {
          if (event.type === 'save') rmSync(event.path, { recursive: true });
        });
      },
    });
    const proof = await proofOf({}, [removing]);
    expect(proof).to.deep.include({ passed: false, moved: 0 });
    expect(proof.faults.join()).to.match(/the folder .*adapter cannot be read: .*ENOENT/);
  });

  it('finds an adapter that is saved with other values than it has', async () => {
    // Long after the save, just before the proof reads it, a byte of the file changes.
    const damaging = definePlugin({
      name: 'damaging',
      apiVersion: 2,
      apply({ hooks }) {
        hooks.log.tap((event) => {
          if (event.type !== 'save') return;
          const file = `${event.path}/adapter_model.safetensors`;
          const bytes = readFileSync(file);
          bytes[bytes.length - 1] ^= 0x01;
          writeFileSync(file, bytes);
        });
      },
    });
    const proof = await proofOf({}, [damaging]);
    expect(proof.passed).to.equal(false);
    expect(proof.saved.logitsDiffer).to.be.above(0);
    expect(proof.faults.join('\n')).to.match(/saved with other values than memory has: .*lora_B/);
  });

  it('says that the held-out loss is not lower, where it is not', async () => {
    const worse = definePlugin({
      name: 'worse',
      apiVersion: 2,
      apply({ hooks }) {
        hooks.gradients.tap(
          (gradients) => new Map([...gradients].map(([name, gradient]) => [name, tf.neg(gradient)])),
        );
      },
    });
    const proof = await proofOf({ train: { learningRate: 0.05 } }, [worse]);
    expect(proof).to.deep.include({ passed: true });
    expect(proof.heldOut?.isLower).to.equal(false);
  });
});
