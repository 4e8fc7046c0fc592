import { homedir } from 'node:os';
import path from 'node:path';

/** A path as a person would write it: relative if it lies below the working folder. */
export function displayPath(file: string): string {
  const relative = path.relative('', file);
  return relative.startsWith('..') ? file : relative || '.';
}

/** The path with a `~`, `$HOME` or `${HOME}` at its beginning replaced by the home folder, as a shell does it. */
export function expandHome(file: string): string {
  return file.replace(/^(?:~|\$HOME|\$\{HOME\})(?=$|[/\\])/, () => homedir());
}

/** The absolute path that a person means by `file`, counted from `folder`. */
export function resolvePath(folder: string, file: string): string {
  return path.resolve(folder, expandHome(file));
}
