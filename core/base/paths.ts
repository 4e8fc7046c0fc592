import { homedir } from 'node:os';
import path from 'node:path';

/** A path as a person would write it: relative if it lies below the working folder. */
export function displayPath(file: string): string {
  const relative = path.relative('', file);
  return relative.startsWith('..') ? file : relative || '.';
}

/** The path with a `~` at its beginning replaced by the home folder. */
export function expandHome(file: string): string {
  return file.replace(/^~(?=$|[/\\])/, homedir());
}
