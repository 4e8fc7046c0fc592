import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import {
  arrowsOf,
  circles,
  longFiles,
  namedBackbones,
  needlessMeanings,
  type OtherMeaning,
  pluginsInCore,
  straysInCore,
  straysInPlugins,
} from './support/architecture.js';
import { ROOT } from './support/files.js';
import { readSources, sourceOf } from './support/sources.js';

const page = readFileSync(path.join(ROOT, 'core', 'README.md'), 'utf8');
const [, folderTable, familyTable] = page.split(/^\| (?:folder|family) \|.*$/m);
const folders = arrowsOf(folderTable);
const families = arrowsOf(familyTable);

const sources = readSources(ROOT, ['core', 'plugins']);
const backbones = foldersOf('plugins/backbones').filter((name) => name !== 'kit');

const OTHER_MEANINGS: readonly OtherMeaning[] = [
  // A trainer whose files and descriptions of data sets are read.
  { text: /\bLLaMA-Factory\b/g },
  // The program whose format GGUF is, and its source files.
  { text: /\bllama\.cpp\b|\bllama-\w+\.cpp\b/g },
  // What GGUF calls a tokenizer of SentencePiece's kind, whichever model has it.
  { text: /(['"`])llama\1|\bllama, gpt2\b/g, in: /gguf\/(write-)?tokenizer\.ts$/ },
  // What GGUF calls ways of cutting texts into words; other models cut theirs in the same way.
  { text: /'llama-(bpe|v3)'|\bllama3:|\bbloom:/g, in: /gguf\/pre-tokenizers\.ts$/ },
  // What transformers calls a tokenizer of SentencePiece's kind, whichever model has it.
  { text: /\bLlamaTokenizer\b(?=')/g, in: /gguf\/tokenizer\.ts$/ },
  { text: /\(Code\)\?LlamaTokenizer\(Fast\)\?/g, in: /backbones\/kit\/tokenizer-settings\.ts$/ },
];

/** The names of the folders in a folder. */
function foldersOf(folder: string): string[] {
  return readdirSync(path.join(ROOT, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/** A file that imports these. */
function importing(file: string, ...specifiers: string[]) {
  return sourceOf(file, specifiers.map((specifier) => `import '${specifier}';\n`).join(''));
}

describe('the architecture', () => {
  it('is read from imports of every form', () => {
    const text = [
      "import { type A, b } from './b.js';",
      "import type {\n  C,\n} from '../c/c.js';",
      "import './effect.js';",
      "export * from './all.js';",
      "export { type D } from './d.js';",
      "const e = await import('./e.js');",
      "type F = import('./f.js').F;",
      "import * as core from 'evolving-alpaca';",
      "import { kit } from 'evolving-alpaca/backbones';",
      "import path from 'node:path';",
      "// import { none } from './comment.js';",
      "export const text = 1; const from = './value.js';",
      "export const one = 1; import { two } from './second.js';",
      "import required = require('./required.js');",
      "const g = require('./called.js');",
      'const h = await import(`./template.js`);',
      `const i = await import(\`../built/\${text}.js\`);`,
      "const j = await import('../sum/' + text);",
      `const quoted = \`import './quoted.js'; \${from} /* */\`, slash = /'/;`,
      "import('./after.js');",
    ].join('\n');
    expect([...sourceOf('core/x/a.ts', text).imports].sort()).to.deep.equal([
      'core/built/',
      'core/c/c.ts',
      'core/index.ts',
      'core/sum/',
      ...['after', 'all', 'b', 'called', 'd', 'e', 'effect', 'f', 'required', 'second', 'template'].map(
        (name) => `core/x/${name}.ts`,
      ),
      'plugins/backbones/kit/index.ts',
    ]);
  });

  it('imports no file that is not there', () => {
    const imported = new Set(sources.flatMap(({ imports }) => imports));
    expect([...imported].filter((file) => !existsSync(path.join(ROOT, file)))).to.deep.equal([]);
  });

  describe('of core/', () => {
    it('has the folders of core/README.md, and no file beside them but its face and its page', () => {
      const entries = readdirSync(path.join(ROOT, 'core'));
      expect(entries.sort()).to.deep.equal(['README.md', ...folders.keys()].sort());
    });

    it('has arrows that point upwards in the table, so that they make no circle', () => {
      const above: string[] = [];
      for (const [name, imports] of folders) {
        expect(above, name).to.include.members([...imports]);
        above.push(name);
      }
    });

    it('imports no plugin', () => {
      expect(pluginsInCore(sources)).to.deep.equal([]);
      const wrong = importing('core/model/a.ts', '../base/b.js', '../../plugins/devices/kit/c.js');
      expect(pluginsInCore([wrong])).to.deep.equal([
        "core/model/a.ts imports plugins/devices/kit/c.ts, a plugin's",
      ]);
      for (const line of [
        "const a = 1; import { b } from '../../plugins/devices/kit/c.js';",
        "import b = require('../../plugins/devices/kit/c.js');",
        'const b = await import(`../../plugins/devices/kit/c.js`);',
        `const b = await import(\`../../plugins/devices/\${name}/c.js\`);`,
        "type B = import('../../plugins/devices/kit/c.js').C;",
        '/// <reference path="../../plugins/devices/kit/c.ts" />',
        "function f(): typeof import('../../plugins/devices/kit/c.js') {}",
      ])
        expect(pluginsInCore([sourceOf('core/model/a.ts', line)]), line).to.have.length(1);
    });

    it('follows the arrows of core/README.md', () => {
      expect(straysInCore(sources, folders)).to.deep.equal([]);
      const right = importing('core/model/a.ts', '../ops/b.js', './c.js', '../../plugins/devices/kit/d.js');
      const wrong = importing('core/ops/b.ts', '../base/d.js', '../model/a.js');
      const arrows = new Map([
        ['ops', ['base']],
        ['model', ['ops']],
      ]);
      expect(straysInCore([right, wrong], arrows)).to.deep.equal([
        'core/ops/b.ts imports core/model/a.ts: core/README.md allows no arrow from ops to model',
      ]);
    });

    it('is told in core/README.md with files that are there', () => {
      const named = [...page.matchAll(/`((?:\.\.\/)?[\w-]+\/[\w./-]*(?:\.ts|\/))`/g)].map(([, name]) => name);
      expect(named).to.include.members(['run/trainer.ts', '../plugins/optimizers/']);
      expect(named.filter((name) => !existsSync(path.join(ROOT, 'core', name)))).to.deep.equal([]);
    });
  });

  describe('of plugins/', () => {
    it('imports core/index.ts, the own family’s kit, and what core/README.md names of others', () => {
      expect(straysInPlugins(sources, families)).to.deep.equal([]);
      const right = importing(
        'plugins/animals/cat/index.ts',
        ...['../../../core/index.js', './paw.js', '../kit/fur.js', '../../plants/kit/grass.js'],
      );
      const wrong = importing(
        'plugins/animals/dog/index.ts',
        ...['../../../core/ops/linear.js', '../cat/paw.js', '../../plants/tree/leaf.js'],
      );
      expect(straysInPlugins([right, wrong], new Map([['animals', ['plants/kit']]]))).to.deep.equal([
        'plugins/animals/dog/index.ts imports core/ops/linear.ts: plugins import core/index.ts alone',
        "plugins/animals/dog/index.ts imports plugins/animals/cat/paw.ts, which is another plugin's; what both need belongs into the kit",
        'plugins/animals/dog/index.ts imports plugins/plants/tree/leaf.ts: core/README.md allows no arrow from animals to plants',
      ]);
    });
  });

  describe('of both', () => {
    it('reads TensorFlow.js by core/base/tf.ts, not by import, which takes several times as long', () => {
      const importing = /(from|import) *\(?'@tensorflow\//;
      expect(importing.test("import * as tf from '@tensorflow/tfjs';")).to.equal(true);
      expect(importing.test("await import('@tensorflow/tfjs-core')")).to.equal(true);
      expect(sources.filter(({ text }) => importing.test(text)).map(({ file }) => file)).to.deep.equal([]);
    });

    it('names a backbone in its own folder alone', () => {
      expect(namedBackbones(sources, backbones, OTHER_MEANINGS)).to.deep.equal([]);
      const tree = [
        sourceOf('plugins/backbones/bird/index.ts', '/** The backbone bird. */'),
        sourceOf('core/ops/wing.ts', "/** As bird.exe has it. */\nconst birds = 2; // Bird's"),
        sourceOf('plugins/backbones/bat/bird.ts', ''),
      ];
      expect(namedBackbones(tree, ['bird', 'bat'], [{ text: /\bbird\.exe\b/g }])).to.deep.equal([
        "core/ops/wing.ts:2 names the backbone bird: const birds = 2; // Bird's",
        'plugins/backbones/bat/bird.ts:0 names the backbone bird: plugins/backbones/bat/bird.ts',
      ]);
      for (const name of ['BirdModel', 'bird2', 'BiRD3', 'BIRD_WINGS', 'codeBird', 'blackbirds'])
        expect(namedBackbones([sourceOf('core/ops/wing.ts', name)], ['bird'], []), name).to.have.length(1);
    });

    it('has no exception from this that nothing needs', () => {
      expect(needlessMeanings(sources, OTHER_MEANINGS)).to.deep.equal([]);
      const needless = { text: /bird/g, in: /^plugins/ };
      expect(needlessMeanings([sourceOf('core/a.ts', 'bird')], [needless])).to.deep.equal([needless]);
    });

    it('has no circle of imports', () => {
      expect(circles(sources)).to.deep.equal([]);
      const tree = [
        importing('core/a.ts', './b.js', './d.js'),
        sourceOf('core/b.ts', "import type { C } from './c.js';"),
        importing('core/c.ts', './d.js', './b.js'),
        importing('core/d.ts'),
      ];
      expect(circles(tree)).to.deep.equal(['core/b.ts -> core/c.ts -> core/b.ts']);
    });

    it('has no file of more than 300 lines', () => {
      expect(longFiles(sources, 300)).to.deep.equal([]);
      const tree = [sourceOf('core/a.ts', 'a\n'.repeat(301)), sourceOf('core/b.ts', 'b\n'.repeat(300))];
      expect(longFiles(tree, 300)).to.deep.equal(['core/a.ts has 301 lines']);
    });
  });
});
