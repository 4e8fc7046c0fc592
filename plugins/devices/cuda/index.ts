/**
 * An NVIDIA GPU. Nothing but its driver is needed: the kernels are in the package (kernels.ptx), and the addon opens libcuda.so.1
 * when a run asks for the device.
 */

import path from 'node:path';
import { definePlugin, type LanguageModel, PagedCache, tf, z } from '../../../core/index.js';
import { packageFolder } from '../kit/build-report.js';
import { DEVICE_STAGES } from '../kit/stages.js';
import { type Addon, type Card, driverCode, loadAddon } from './addon.js';
import { BF16, CudaBackend, F32 } from './backend.js';
import { CardLayerStore } from './cache.js';
import { Driver } from './driver.js';
import { registerFallbacks } from './fallback.js';
import { registerAttention } from './kernels/attention.js';
import { registerColumns } from './kernels/columns.js';
import { registerElements } from './kernels/elements.js';
import { registerGates } from './kernels/gates.js';
import { BACKEND, type Cuda } from './kernels/kit.js';
import { registerLinear } from './kernels/linear.js';
import { registerLoss } from './kernels/loss.js';
import { registerMatMul } from './kernels/mat-mul.js';
import { registerNorms } from './kernels/norms.js';
import { registerOptimizer } from './kernels/optimizer.js';
import { registerRotary } from './kernels/rotary.js';
import { registerRows } from './kernels/rows.js';
import { DevicePool } from './memory.js';
import { type CardWeight, CardWeights, computeType } from './weights.js';

/** What the kernels need: bf16 on the tensor cores, and copies in the background. */
const LEAST_CAPABILITY = 80;
/** PTX 8.0 came with CUDA 12.0, whose driver is the 525. */
const LEAST_VERSION = 12_000;
const PTX = path.join(packageFolder(), 'plugins', 'devices', 'cuda', 'kernels.ptx');

/** Why the device cannot be had. */
class Declined extends Error {}

export default definePlugin({
  name: 'cuda',
  apiVersion: 2,
  family: 'devices',
  schema: z.strictObject({
    /** Which card, as the driver counts them. */
    index: z.number().int().min(0).default(0),
    /** The driver's library. */
    driver: z.string().min(1).default('libcuda.so.1'),
  }),
  apply(trainer, options) {
    trainer.hooks.openDevice.tap(
      async (request) => {
        if (!request.wants('cuda')) return undefined;
        try {
          const { addon, card } = openCard(options.driver, options.index);
          const cuda = await openBackend(addon, card);
          return {
            name: 'cuda',
            backend: BACKEND,
            description: describe(card, addon),
            placeWeights: (model) => placeWeights(cuda, model),
            makeCache: () => new PagedCache(() => new CardLayerStore(cuda.backend)),
          };
        } catch (error) {
          if (!(error instanceof Declined)) throw error;
          request.decline('cuda', error.message);
          return undefined;
        }
      },
      { stage: DEVICE_STAGES.cuda },
    );
  },
});

/** Opens the driver, and has the addon use a card. @throws Declined, with why it cannot be had */
function openCard(library: string, index: number): { addon: Addon; card: Card } {
  const addon = loadAddon();
  if ('reason' in addon) throw new Declined(addon.reason);
  const { version, count } = openDriver(addon, library);
  if (version < LEAST_VERSION) {
    throw new Declined(
      `its driver is for CUDA ${versionOf(version)}; it takes one for 12.0, which is driver 525, or later`,
    );
  }
  const visible = process.env.CUDA_VISIBLE_DEVICES;
  if (count === 0) {
    throw new Declined(
      visible === undefined
        ? 'there is no card'
        : `CUDA_VISIBLE_DEVICES is "${visible}", which names no card`,
    );
  }
  if (index >= count) {
    throw new Declined(
      `there is no card ${index}; ${count === 1 ? 'there is one, 0' : `there are ${count}, 0 to ${count - 1}`}`,
    );
  }
  try {
    const card = addon.describe(index);
    const { name, capability } = card;
    if (capability < LEAST_CAPABILITY) {
      throw new Declined(
        `the ${name} is of compute capability ${capability / 10}; it takes 8.0 (Ampere) or later`,
      );
    }
    addon.use(index);
    return { addon, card };
  } catch (error) {
    throw driverCode(error) ? new Declined((error as Error).message) : error;
  }
}

function openDriver(addon: Addon, library: string): ReturnType<Addon['open']> {
  try {
    return addon.open(library);
  } catch (error) {
    const code = driverCode(error);
    if (code === 'CUDA_ERROR_NO_DEVICE') {
      const visible = process.env.CUDA_VISIBLE_DEVICES;
      throw new Declined(
        visible === undefined
          ? 'there is no card'
          : `CUDA_VISIBLE_DEVICES is "${visible}", which names no card`,
      );
    }
    if (code) throw new Declined(`the driver does not start: ${(error as Error).message}`);
    throw new Declined(`there is no NVIDIA driver (${(error as Error).message})`);
  }
}

function describe({ name, capability }: Card, addon: Addon): string {
  const { free, total } = addon.memory();
  const [left, all] = [free, total].map((bytes) => (bytes / 2 ** 30).toFixed(1));
  return `${name}, sm_${capability}, ${left} of ${all} GiB free`;
}

function versionOf(version: number): string {
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}

/** There is one backend a process, whoever asks for it. */
let opened: Cuda | undefined;

async function openBackend(addon: Addon, card: Card): Promise<Cuda> {
  if (!opened) {
    const driver = loadKernels(addon, card);
    const pool = new DevicePool(addon);
    const backend = new CudaBackend(driver, pool);
    tf.registerBackend(BACKEND, () => backend);
    registerFallbacks(BACKEND, backend);
    const cuda: Cuda = { backend, weights: new CardWeights(driver, pool), between: F32 };
    for (const register of [
      registerLinear,
      registerMatMul,
      registerAttention,
      registerLoss,
      registerNorms,
      registerGates,
      registerRotary,
      registerRows,
      registerColumns,
      registerElements,
      registerOptimizer,
    ]) {
      register(cuda);
    }
    opened = cuda;
  }
  await tf.setBackend(BACKEND);
  return opened;
}

function loadKernels(addon: Addon, { multiprocessors }: Card): Driver {
  try {
    return new Driver(addon, multiprocessors, PTX);
  } catch (error) {
    if (!driverCode(error)) throw error;
    throw new Declined(
      `the driver refuses the kernels: ${(error as Error).message}; a later driver may take them`,
    );
  }
}

/** Takes the frozen weights to the card. What lies between products has the type of most products' arithmetic. */
function placeWeights(cuda: Cuda, model: LanguageModel): () => void {
  const placed = new Map<unknown, CardWeight>();
  for (const site of [...model.embeddings, ...model.linears]) {
    const weight = placed.get(site.weight) ?? cuda.weights.place(site.weight);
    placed.set(site.weight, weight);
    site.weight = weight;
  }
  const inBf16 = model.linears.filter(({ weight }) => computeType(weight) === BF16);
  cuda.between = 2 * inBf16.length > model.linears.length ? BF16 : F32;
  return () => {
    for (const weight of placed.values()) weight.free();
  };
}
