/** Skips the test, or all tests after a hook, with a line that says why. */
export function skip(test: Mocha.Context, reason: string): never {
  console.log(`      skipped: ${reason}`);
  test.skip();
}
