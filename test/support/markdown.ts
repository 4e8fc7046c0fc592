/** The project's pages, taken apart for the tests that hold them to the sources. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './files.js';

/** A page's text; `file` counts from the project's folder. */
export function readPage(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

/** The lines of every block of shell commands. */
export function shellLines(page: string): string[] {
  return [...page.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block]) => block.trimEnd().split('\n'));
}

/** The first block of code in `language` below a heading. */
export function blockBelow(page: string, heading: string, language: string): string {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const [, block] = section.split(`\`\`\`${language}\n`);
  if (block === undefined) throw new Error(`there is no ${language} below "${heading}"`);
  return block.split('```')[0];
}

/** The targets of all links. */
export function linksOf(page: string): string[] {
  return [...page.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);
}

/** The anchors that GitHub gives to a page's headings. */
export function anchorsOf(page: string): Set<string> {
  const prose = page.replace(/^```.*?^```/gms, '');
  return new Set(
    [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** The cells of every row of every table. A bar within a cell is written `\|`. */
export function tableRows(page: string): string[][] {
  return [...page.matchAll(/^\|(.*)\|$/gm)].map(([, row]) =>
    row.split(/(?<!\\)\|/).map((cell) => cell.trim()),
  );
}

/** What a text has in backticks. */
export function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, inner]) => inner);
}
