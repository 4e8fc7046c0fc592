/** Kinds of file that hold no text of ours, known by how they begin. */

/** What a file is instead of text in UTF-8, and what to do about it. */
export interface FileKind {
  /** As in `is a gzip archive`. */
  readonly what: string;
  readonly advice: string;
}

const CONVERT = 'Convert it to JSON lines: a record such as {"instruction": …, "output": …} a line.';
const ARROW = `Convert it to JSON lines with pyarrow or datasets: python -c "from datasets import Dataset; Dataset.from_file('OLD').to_json('NEW.jsonl', force_ascii=False)"`;

const MAGIC: readonly [what: string, bytes: readonly number[], advice: string][] = [
  ['a gzip archive', [0x1f, 0x8b], 'Unpack it with gunzip.'],
  // Excel's newer files (.xlsx) are zip archives too.
  [
    'a zip archive',
    [0x50, 0x4b, 3, 4],
    'Unpack it with unzip, and name the file that was in it. If it is an Excel file (.xlsx), save it as JSON lines.',
  ],
  ['a zstd archive', [0x28, 0xb5, 0x2f, 0xfd], 'Unpack it with unzstd.'],
  ['a bzip2 archive', [0x42, 0x5a, 0x68], 'Unpack it with bunzip2.'],
  ['an xz archive', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], 'Unpack it with unxz.'],
  [
    'a 7z archive',
    [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c],
    'Unpack it with 7z x, and name the file that was in it.',
  ],
  [
    'a RAR archive',
    [0x52, 0x61, 0x72, 0x21, 0x1a, 7],
    'Unpack it with unrar x, and name the file that was in it.',
  ],
  [
    'a Parquet table',
    [0x50, 0x41, 0x52, 0x31],
    `Convert it to JSON lines: python -c "import pandas; pandas.read_parquet('OLD').to_json('NEW.jsonl', orient='records', lines=True, force_ascii=False)"`,
  ],
  ['an Arrow table', [0x41, 0x52, 0x52, 0x4f, 0x57, 0x31], ARROW],
  ['an Arrow table', [0xff, 0xff, 0xff, 0xff], ARROW],
  [
    'an SQLite database',
    [0x53, 0x51, 0x4c, 0x69, 0x74, 0x65, 0x20, 0x66, 0x6f, 0x72, 0x6d, 0x61, 0x74, 0x20, 0x33, 0],
    `Convert it to JSON: sqlite3 OLD -json 'SELECT instruction, output FROM TABLE' > NEW.json`,
  ],
  ['an Excel or Word file', [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], CONVERT],
  ['a pickle', [0x80, 2], CONVERT],
  ['a pickle', [0x80, 3], CONVERT],
  ['a pickle', [0x80, 4], CONVERT],
  ['a pickle', [0x80, 5], CONVERT],
  ['a NumPy array', [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], CONVERT],
  ['an HDF5 file', [0x89, 0x48, 0x44, 0x46], CONVERT],
  ['a PDF', [0x25, 0x50, 0x44, 0x46, 0x2d], CONVERT],
];

const UTF16: FileKind = {
  what: 'text in UTF-16',
  advice: 'Convert it to UTF-8: iconv -f UTF-16 -t UTF-8 OLD > NEW',
};

/** @param head the first bytes of a file, 1 KiB or so; undefined if they may be text */
export function foreignKind(head: Uint8Array): FileKind | undefined {
  const found = MAGIC.find(([, bytes]) => bytes.every((byte, i) => head[i] === byte));
  if (found) return { what: found[0], advice: found[2] };
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)) return UTF16;
  // Without a mark at its beginning: in JSON every second byte of the first characters is 0.
  if (head.length >= 4 && [0, 1].some((odd) => head[odd] === 0 && head[odd + 2] === 0)) return UTF16;
  const text = Buffer.from(head).toString('latin1');
  if (text.startsWith('ustar', 257)) {
    return { what: 'a tar archive', advice: 'Unpack it with tar -xf, and name the file that was in it.' };
  }
  if (text.startsWith('version https://git-lfs.github.com/')) {
    return {
      what: 'a pointer of Git LFS, and not the file itself',
      advice: 'Fetch the file with `git lfs pull`.',
    };
  }
  if (/^\s*<(!doctype html|html)\b/i.test(text)) {
    return { what: 'a web page', advice: 'Download the file itself, and not the page that shows it.' };
  }
  return undefined;
}
