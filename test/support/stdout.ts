/** What `action` writes to standard output, which is taken to be no terminal. */
export async function captureStdout(action: () => unknown): Promise<string> {
  const { write, isTTY } = process.stdout;
  let text = '';
  process.stdout.write = ((chunk: string | Uint8Array) => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    return true;
  }) as typeof write;
  process.stdout.isTTY = false;
  try {
    await action();
  } finally {
    process.stdout.write = write;
    process.stdout.isTTY = isTTY;
  }
  return text;
}
