/**
 * An NVIDIA GPU. Nothing but its driver is needed: the kernels are in the package (kernels.ptx.gz), and the addon opens libcuda.so.1
 * when a run asks for the device.
 */

import { definePlugin, z } from '../../../core/index.js';
import { DEVICE_STAGES } from '../kit/stages.js';
import { Declined, openCard } from './card.js';

export default definePlugin({
  name: 'cuda',
  apiVersion: 2,
  family: 'devices',
  schema: z.strictObject({
    /** Which card, as the driver counts them; the first, or of several processes of a host each its own. */
    index: z.number().int().min(0).optional(),
    /** The driver's library. */
    driver: z.string().min(1).default('libcuda.so.1'),
    /** Whether cublasLt takes the large products, where it is found and the card is one on which own kernels fall behind. */
    cublasLt: z.boolean().default(true),
  }),
  apply(trainer, { driver, index, cublasLt }) {
    trainer.hooks.openDevice.tap(
      async (request) => {
        if (!request.wants('cuda')) return undefined;
        try {
          const card = openCard(driver, index);
          // The kernels' code is of no use to a machine without a card.
          const { openDevice } = await import('./open.js');
          const tell = (line: string) => trainer.notice(`device cuda: ${line}`);
          return await openDevice(card, { driver, cublasLt, tell });
        } catch (error) {
          if (!(error instanceof Declined)) throw error;
          request.decline('cuda', request.name === 'cuda' ? error.message : error.short);
          return undefined;
        }
      },
      { stage: DEVICE_STAGES.cuda },
    );
  },
});
