import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  createWriteStream,
  existsSync,
  readdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { Random } from '../../../core/base/random.js';
import { TokenCache } from '../../../core/data/token-cache.js';
import { STORE_FILES } from '../../../core/data/token-store.js';
import { cliOf } from '../../support/cli.js';
import { corpusOf, type TestCorpus } from '../../support/corpus.js';
import { executeOnDisk, NO_DISK } from '../../support/disk.js';
import { expectError } from '../../support/errors.js';
import { fixture, TemporaryFolder } from '../../support/files.js';
import { skip } from '../../support/skip.js';

/** More rows than are kept in memory. */
const MANY = 300;

function rowsJson(count: number, times = 1): string {
  const random = new Random(1);
  const words = Array.from({ length: 60 }, (_, i) => `w${i}`);
  const text = () => Array.from({ length: 8 }, () => words[Math.floor(random.next() * 60)]).join(' ');
  const rows = Array.from({ length: count }, (_, i) => ({
    instruction: `${text()} ${i}`,
    output: text().repeat(i === 9 ? 30 : times),
  }));
  return `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`;
}

describe('a corpus', () => {
  let folder: TemporaryFolder;
  let data: string;
  let before: string | undefined;
  beforeEach(() => {
    folder = new TemporaryFolder();
    data = folder.write('rows.jsonl', rowsJson(MANY));
    before = process.env.EVOLVE_CACHE;
    process.env.EVOLVE_CACHE = folder.join('cache');
  });
  afterEach(() => {
    if (before === undefined) delete process.env.EVOLVE_CACHE;
    else process.env.EVOLVE_CACHE = before;
    folder.remove();
  });

  const make = (further: Record<string, unknown> = {}, signal?: AbortSignal): Promise<TestCorpus> => {
    const values = {
      model: { path: fixture('llama') },
      data: { sources: [{ path: data, format: 'alpaca' }], cutoffLength: 512, ...further },
    };
    return corpusOf(values, undefined, undefined, signal);
  };
  /** All that is in a corpus, for comparison. */
  const contents = ({ corpus }: TestCorpus) => ({
    rows: corpus.store.rows(0, corpus.store.count),
    facts: corpus.facts,
    sha256: corpus.sha256,
    last: corpus.store.example(corpus.store.count - 1),
  });
  const noticesOf = ({ run }: TestCorpus) =>
    run.events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));
  /** The folders of whole corpora in the cache. */
  const cached = () => {
    const place = path.join(folder.path, 'cache', 'tokens');
    if (!existsSync(place)) return [];
    return readdirSync(place)
      .filter((name) => /^[0-9a-f]{64}$/.test(name))
      .map((name) => path.join(place, name));
  };

  it('is what the encoder makes of each example, in the order of the data', async () => {
    const made = await make();
    const { store } = made.corpus;
    expect(store.count).to.equal(MANY);
    for (const i of [0, 1, MANY >> 1, MANY - 1]) {
      const { inputIds, spans, source } = store.row(i);
      expect({ inputIds, spans }).to.deep.equal(made.encoder.encode(store.example(i), 512));
      expect(made.corpus.facts.sources[source]).to.match(/rows\.jsonl$/);
      expect(store.example(i))
        .to.have.property('instruction')
        .that.matches(new RegExp(` ${i}$`));
    }
    expect([...store.lengths()]).to.deep.equal(store.rows(0, MANY).map(({ inputIds }) => inputIds.length));
    await store.close();
  });

  it('is encoded once: later runs find it, with all that was told of it', async () => {
    writeFileSync(data, `${rowsJson(MANY)}{"instruction": "x", "output": ""}\n{"instruction": 7}\n`);
    const further = { onBadRow: { skip: 0.1 } };
    const [first, second] = [await make(further), await make(further)];
    expect(contents(second)).to.deep.equal(contents(first));
    expect(noticesOf(second)).to.deep.equal(noticesOf(first));
    expect(noticesOf(first).join('\n'))
      .to.include('its output is empty')
      .and.to.include('1 of 302 records is faulty');
    expect(second.run.events.filter(({ type }) => type === 'progress')).to.deep.equal([]);
    expect(cached()).to.have.lengthOf(1);
    const [entry] = await new TokenCache().list();
    expect(entry.rows).to.equal(MANY);
    await new TokenCache().clear();
    expect(cached()).to.deep.equal([]);
    for (const { corpus } of [first, second]) await corpus.store.close();
  });

  it('is another one where data, settings, template or model change', async () => {
    const shas = new Set<string>();
    const keep = async (made: Promise<TestCorpus>) => {
      const { corpus } = await made;
      shas.add(corpus.sha256);
      await corpus.store.close();
    };
    await keep(make());
    await keep(make({ cutoffLength: 400 }));
    await keep(make({ template: 'plain' }));
    appendFileSync(data, '{"instruction": "one more", "output": "row"}\n');
    await keep(make());
    expect(shas.size).to.equal(4);
    expect(cached()).to.have.lengthOf(4);
  });

  it('is made anew where the cache is damaged, cut short, or of another form', async () => {
    const first = await make();
    const whole = contents(first);
    await first.corpus.store.close();
    const file = (name: keyof typeof STORE_FILES) => path.join(cached()[0], STORE_FILES[name]);
    const facts = () => path.join(cached()[0], 'facts.json');
    const damages = [
      () => truncateSync(file('rows'), statSync(file('rows')).size - 4),
      () => truncateSync(file('examples'), 10),
      () => {
        const stream = createWriteStream(file('rows'), { flags: 'r+', start: 10_000 });
        return new Promise<void>((resolve) => stream.end(Buffer.from([1, 2, 3]), () => resolve()));
      },
      () => writeFileSync(facts(), '{"form": 0}'),
      () => writeFileSync(facts(), '{"fo'),
    ];
    for (const damage of damages) {
      await damage();
      const again = await make();
      expect(contents(again)).to.deep.equal(whole);
      await again.corpus.store.close();
    }
    expect(cached()).to.have.lengthOf(1);
  });

  it('is made once where two need it at a time', async () => {
    const made = await Promise.all([make(), make()]);
    expect(contents(made[1])).to.deep.equal(contents(made[0]));
    expect(cached()).to.have.lengthOf(1);
    for (const { corpus } of made) await corpus.store.close();
  });

  it('leaves nothing in the cache where it is interrupted, and is whole the next time', async () => {
    const interruption = new AbortController();
    // As soon as it has begun to write.
    const watch = setInterval(() => {
      if (existsSync(folder.join('cache', 'tokens'))) interruption.abort();
    });
    await expectError(() => make({}, interruption.signal), 'INTERRUPTED').finally(() => clearInterval(watch));
    expect(cached()).to.deep.equal([]);
    const { corpus } = await make();
    expect(corpus.store.count).to.equal(MANY);
    await corpus.store.close();
  });

  it('needs no cache: of a pipe, where none is wanted, and where none can be written', async () => {
    const whole = await make({ cache: false });
    expect(cached()).to.deep.equal([]);
    const pipe = folder.join('pipe');
    execFileSync('mkfifo', [pipe]);
    createWriteStream(pipe).end(rowsJson(MANY));
    const piped = await make({ sources: [{ path: pipe, format: 'alpaca' }] });
    expect(piped.corpus.sha256).to.equal(whole.corpus.sha256);
    expect(cached()).to.deep.equal([]);
    process.env.EVOLVE_CACHE = path.join(data, 'no-folder');
    const unwritten = await make();
    expect(contents(unwritten)).to.deep.equal(contents(whole));
    expect(noticesOf(unwritten).join('\n')).to.match(/the token cache .* cannot be written/);
    for (const { corpus } of [whole, piped, unwritten]) await corpus.store.close();
  });

  it('keeps the cache below its limit: what was used least recently goes', async () => {
    process.env.EVOLVE_CACHE_GIB = '0.000001';
    try {
      for (const cutoffLength of [512, 400]) {
        const { corpus } = await make({ cutoffLength });
        await corpus.store.close();
      }
      expect(cached()).to.have.lengthOf(1);
      process.env.EVOLVE_CACHE_GIB = 'much';
      await expectError(() => make(), 'COMMAND_LINE', 'EVOLVE_CACHE_GIB is "much"');
    } finally {
      delete process.env.EVOLVE_CACHE_GIB;
    }
  });

  it('says so where the disk fills', async function () {
    const config = folder.write(
      'run.yaml',
      stringify({
        model: { path: fixture('llama') },
        data: { sources: [{ path: data, format: 'alpaca' }] },
        output: folder.join('run'),
      }),
    );
    // The command line keeps more in memory.
    writeFileSync(data, rowsJson(1800, 12));
    const mount = folder.join('disk');
    const command = [process.execPath, cliOf(), 'run', config, '--dry-run'];
    const { status, stdout, stderr } = await executeOnDisk(
      { mount, size: '1m', script: `"$@"; find ${mount}/tokens -name 'rows*'` },
      command,
      { EVOLVE_CACHE: mount },
    );
    if (status === NO_DISK) skip(this, 'this machine lets nobody mount a file system');
    expect(stderr)
      .to.match(/the token cache .*no space/i)
      .and.to.include('EVOLVE_CACHE');
    expect(stdout).to.not.include('rows.bin');
  });
});
