/** In which order `device: auto` (core/model/open-device.ts) asks: the faster first. A third party's may go between them. */
export const DEVICE_STAGES = { cuda: 50, tensorflow: 100, native: 300, portable: 400 } as const;
