/** A headless Chromium, driven over a pipe by its DevTools protocol. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The command of a Chromium of this machine: that of `EVOLVE_CHROMIUM`, or one on the PATH; undefined if there is none. */
export function findChromium(): string | undefined {
  const names = process.env.EVOLVE_CHROMIUM ? [process.env.EVOLVE_CHROMIUM] : NAMES;
  return names.find((name) => spawnSync(name, ['--version']).status === 0);
}

type Params = Readonly<Record<string, unknown>>;

/** How a page is shown. */
export interface View {
  readonly width: number;
  readonly height: number;
  readonly scheme: 'light' | 'dark';
}

export class Browser {
  readonly #profile = mkdtempSync(path.join(tmpdir(), 'evolve-browser-'));
  readonly #process: ChildProcess;
  readonly #answers = new Map<number, { resolve(result: Params): void; reject(error: Error): void }>();
  readonly #waiting: { method: string; resolve(): void }[] = [];
  #count = 0;
  #session: string | undefined;
  /** What the page asked the network for. */
  readonly requests: string[] = [];
  /** Errors and warnings of the page. */
  readonly complaints: string[] = [];

  private constructor(command: string) {
    const args = [
      ...['--headless=new', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--no-first-run'],
      ...[`--user-data-dir=${this.#profile}`, '--remote-debugging-pipe', 'about:blank'],
    ];
    this.#process = spawn(command, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    let text = '';
    (this.#process.stdio[4] as Readable).setEncoding('utf8').on('data', (chunk: string) => {
      const messages = (text + chunk).split('\0');
      text = messages.pop() ?? '';
      for (const message of messages) this.#hear(JSON.parse(message));
    });
    this.#process.on('exit', () => {
      for (const { reject } of this.#answers.values()) reject(new Error('the browser has ended'));
    });
  }

  static async open(command: string): Promise<Browser> {
    const browser = new Browser(command);
    const { targetInfos } = await browser.#ask('Target.getTargets');
    const page = (targetInfos as { type: string; targetId: string }[]).find(({ type }) => type === 'page');
    const { sessionId } = await browser.#ask('Target.attachToTarget', {
      targetId: page?.targetId,
      flatten: true,
    });
    browser.#session = sessionId as string;
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await browser.#ask(`${domain}.enable`);
    return browser;
  }

  /** Loads a file, and waits until it is loaded. */
  async show(file: string, view: View): Promise<void> {
    await this.look(view);
    const loaded = new Promise<void>((resolve) => {
      this.#waiting.push({ method: 'Page.loadEventFired', resolve });
    });
    await this.#ask('Page.navigate', { url: pathToFileURL(file).href });
    await loaded;
  }

  /** Changes how the page is shown that is loaded. */
  async look({ width, height, scheme }: View): Promise<void> {
    await this.#ask('Emulation.setDeviceMetricsOverride', {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: false,
    });
    await this.#ask('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: scheme }],
    });
  }

  /** The value of an expression within the page; a promise is waited for. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#ask('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value: T }).value;
  }

  async movePointer(x: number, y: number): Promise<void> {
    await this.#ask('Input.dispatchMouseEvent', { type: 'mouseMoved', x, y });
  }

  /** What is seen, or the whole page, as PNG. */
  async picture(whole = true): Promise<Buffer> {
    const { data } = await this.#ask('Page.captureScreenshot', {
      format: 'png',
      captureBeyondViewport: whole,
    });
    return Buffer.from(data as string, 'base64');
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('close', resolve));
    // By itself: processes of its own would go on writing for a while if it were killed.
    this.#session = undefined;
    await this.#ask('Browser.close').catch(() => {});
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #ask(method: string, params: Params = {}): Promise<Params> {
    const id = ++this.#count;
    const message = { id, method, params, ...(this.#session && { sessionId: this.#session }) };
    return new Promise((resolve, reject) => {
      this.#answers.set(id, { resolve, reject });
      (this.#process.stdio[3] as Writable).write(`${JSON.stringify(message)}\0`);
    });
  }

  #hear({ id, method, params, result, error }: Record<string, never>): void {
    const asked = this.#answers.get(id);
    if (asked) {
      this.#answers.delete(id);
      if (error) asked.reject(new Error(JSON.stringify(error)));
      else asked.resolve(result);
      return;
    }
    for (const waiting of this.#waiting.splice(0)) {
      if (waiting.method === method) waiting.resolve();
      else this.#waiting.push(waiting);
    }
    if (method === 'Network.requestWillBeSent')
      this.requests.push((params as { request: { url: string } }).request.url);
    if (['Runtime.exceptionThrown', 'Runtime.consoleAPICalled', 'Log.entryAdded'].includes(method))
      this.complaints.push(JSON.stringify(params));
  }
}
