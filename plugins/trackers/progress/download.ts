import type { MultiBar, SingleBar } from 'cli-progress';
import { type DownloadEvent, formatCount, formatDuration, formatSize } from '../../../core/index.js';

/** All but a long name fits into 80 columns; the name was told in the line above. */
const BAR_COLUMNS = 20;
const FORMAT = '{bar} {percentage}%  {here} of {whole}  {speed}/s  {left} left  {name}';

/** Tells of one download after another: on `bars` where there is a terminal, else a line at every tenth of it. */
export class DownloadTeller {
  #bar: SingleBar | undefined;
  #first: { bytes: number; at: number } | undefined;
  #tenths = 0;

  constructor(
    private readonly print: (text: string) => void,
    private readonly openBars: () => MultiBar | undefined,
  ) {}

  tell(event: DownloadEvent): void {
    const { name, files, bytes, totalBytes, status } = event;
    const isFirst = this.#first === undefined;
    this.#first ??= { bytes, at: performance.now() };
    const seconds = (performance.now() - this.#first.at) / 1000;
    const bytesPerSecond = (bytes - this.#first.bytes) / Math.max(seconds, 0.001);
    const left = bytesPerSecond > 0 ? formatDuration((totalBytes - bytes) / bytesPerSecond) : '–';
    const [here, whole, speed] = [bytes, totalBytes, bytesPerSecond].map(formatSize);
    const tenths = Math.floor((10 * bytes) / totalBytes);

    if (isFirst) {
      const there = bytes > 0 ? `, of which ${here} are here` : '';
      this.print(`downloading ${name}: ${formatCount(files)} files, ${whole}${there}`);
      this.#bar = this.openBars()?.create(
        totalBytes,
        bytes,
        { here, whole, speed, left, name },
        { format: FORMAT, barsize: BAR_COLUMNS },
      );
      this.#tenths = tenths;
    } else if (status !== 'running') {
      if (status === 'completed') this.print(`downloaded ${name} in ${formatDuration(seconds)}, ${speed}/s`);
      this.#bar = this.#first = undefined;
    } else if (this.#bar) {
      this.#bar.update(bytes, { here, whole, speed, left, name });
    } else if (tenths > this.#tenths) {
      this.#tenths = tenths;
      this.print(`${name}: ${tenths * 10} % of ${whole}, ${speed}/s, ${left} left`);
    }
  }
}
