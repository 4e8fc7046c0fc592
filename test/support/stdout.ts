/** What `action` writes to standard output, which is taken to be a terminal of so many columns, or none. */
export async function captureStdout(action: () => unknown, columns = 0): Promise<string> {
  const { write, isTTY, columns: columnsBefore } = process.stdout;
  let text = '';
  process.stdout.write = ((chunk: string | Uint8Array) => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    return true;
  }) as typeof write;
  Object.assign(process.stdout, { isTTY: columns > 0, columns });
  try {
    await action();
  } finally {
    Object.assign(process.stdout, { write, isTTY, columns: columnsBefore });
  }
  return text;
}
