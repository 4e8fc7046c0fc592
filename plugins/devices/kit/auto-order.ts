/** In which order `device: auto` asks the devices: the faster first. A third party's may go between them. */
export const DEVICE_STAGES = { tensorflow: 100, native: 300, portable: 400 } as const;
