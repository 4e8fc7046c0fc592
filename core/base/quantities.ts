/** Numbers as a person reads them. */

/** `1234567` bytes -> `2 MiB`, rounded up. */
export function formatMebibytes(bytes: number): string {
  return `${formatCount(Math.ceil(bytes / 2 ** 20))} MiB`;
}

/** `75` -> `1:15`, `3675` -> `1:01:15`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (number: number) => String(number).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** `1234567` bytes -> `1.2 MB`. */
export function formatSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let scaled = bytes;
  let unit = 0;
  // 999.95 of a unit would be shown as 1000.0.
  while (scaled >= 999.95 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(scaled) : scaled.toFixed(1)} ${units[unit]}`;
}

/** `1234567` -> `1,234,567`. */
export function formatCount(number: number): string {
  // Not toLocaleString, whose first call reads the languages' data: as long as two optimizer steps take.
  return String(number).replace(/\B(?=(\d{3})+$)/g, ',');
}
