import { expect } from 'chai';
import { readData } from '../../support/compose.js';
import { expectError, recordAt } from '../../support/errors.js';
import { instruction } from '../../support/examples.js';
import { TemporaryFolder } from '../../support/files.js';

describe('the dataset format cot', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = new TemporaryFolder();
  });
  afterEach(() => folder.remove());
  const readTable = (content: string, name = 'set.tsv') => readData('cot', folder.write(name, content));
  const readPhrased = (values: unknown) =>
    readData('cot', folder.write('CoT_data.json', JSON.stringify(values)));

  it('phrases a row as an instruction that holds the question, and reasons that end in the answer', async () => {
    const [example] = await readTable('How many legs has a dog?\tfour\tDogs are quadrupeds.\n');
    expect(example.instruction).to.include('How many legs has a dog?');
    expect(example.instruction).to.not.equal('How many legs has a dog?');
    expect(example.input).to.equal('');
    expect(example.output).to.match(/^Dogs are quadrupeds\. .*\bfour\.$/s);
  });

  it('turns \\n of two characters into line breaks, in every cell', async () => {
    const [example] = await readTable('Which one?\\n(a) x\\n(b) y\t(a)\\n\tFirst.\\nSecond\n');
    expect(example.instruction).to.include('Which one?\n(a) x\n(b) y');
    expect(example.output).to.match(/^First\.\nSecond\. .*\(a\)\.$/s);
    expect(example.instruction + example.output).to.not.include('\\n');
  });

  it('ends reasons and answer with one full stop each', async () => {
    const outputs = await readTable('q1\tyes.\tBecause\nq2\tno\tBecause!\n');
    expect(outputs[0].output).to.match(/^Because\. .*[^.]\byes\.$/);
    expect(outputs[1].output).to.match(/^Because! .*\bno\.$/);
  });

  it('says which part of the output reasons', async () => {
    const examples = await readTable('q1\tyes\tBecause\nq2\tno\t It is. So it is! \n');
    const rationales = examples.map(({ output, rationale }) => output.slice(...(rationale ?? [])));
    expect(rationales).to.deep.equal(['Because.', 'It is. So it is!']);
  });

  it('phrases the same row the same each time and wherever it stands, and rows in many ways', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => `Question ${i}?\tAnswer\tReason ${i}.`);
    const first = await readTable(rows.join('\n'));
    expect(await readTable(rows.join('\n'))).to.deep.equal(first);
    const reversed = await readTable([...rows].reverse().join('\n'), 'other.tsv');
    expect(reversed.reverse()).to.deep.equal(first);
    const phrasings = new Set(first.map(({ instruction }, i) => instruction.replace(`Question ${i}?`, '…')));
    expect(phrasings.size).to.be.at.least(5);
    const endings = new Set(first.map(({ output }, i) => output.replace(`Reason ${i}.`, '')));
    expect(endings.size).to.be.at.least(5);
  });

  it('names rows with too few, too many or empty cells by line, all in one error', async () => {
    const table = 'q\ta\tr\nonly one\n\nq\ta\tr\textra\nq\t\tr\nq\ta\tr\n';
    await expectError(
      () => readTable(table),
      'DATA_RECORD',
      'set.tsv: 3 faulty records',
      /line 2, byte 7: .* 1 cells\n/,
      /line 4, byte 17: .* 4 cells\n/,
      /line 5, byte 29: the answer is empty/,
    );
  });

  it('reads records that are phrased already, with \\n of two characters in each text', async () => {
    const values = [
      { instruction: 'Think.\\nWhy?', input: 'a\\nb', output: 'c\\nd' },
      { instruction: 'Plain', output: 'text\nas it is' },
    ];
    const wanted = [
      { instruction: 'Think.\nWhy?', input: 'a\nb', output: 'c\nd' },
      { instruction: 'Plain', input: '', output: 'text\nas it is' },
    ].map(instruction);
    expect(await readPhrased(values)).to.deep.equal(wanted);
    const lines = values.map((value) => JSON.stringify(value)).join('\n');
    expect(await readData('cot', folder.write('cot.jsonl', lines))).to.deep.equal(wanted);
  });

  it('leaves what LaTeX and programs mean by \\n', async () => {
    const [latex] = await readTable('What is \\nu times \\neq?\\nnow\ta\tSee \\nabla(x).\n');
    expect(latex.instruction).to.include('What is \\nu times \\neq?\nnow');
    expect(latex.output).to.include('\\nabla(x)');
    const output = 'print("a\\nb")\\nprint(f\'c\\n\')';
    const [code] = await readPhrased([{ instruction: 'Print.', output }]);
    expect(code.output).to.equal('print("a\\nb")\nprint(f\'c\\n\')');
    const said = 'Which?\\n- A: "Eat,"\\n- B: "he said"\\n';
    const [speech] = await readPhrased([{ instruction: said, output: 'A' }]);
    expect(speech.instruction).to.equal(said.replaceAll('\\n', '\n'));
  });

  it('knows a header row, and columns of other names', async () => {
    const rows = await readTable('question\tanswer\trationale\nq\ta\tr\n');
    expect(rows).to.have.lengthOf(1);
    expect(rows[0].instruction).to.include('q');
  });

  it('names faulty phrased records by number', () =>
    expectError(
      () => readPhrased([{ instruction: 'a', output: 'b' }, { instruction: 'a' }, {}]),
      'DATA_RECORD',
      'CoT_data.json: 2 faulty records',
      recordAt(2, '"output" is missing'),
      recordAt(3, '"instruction" is missing, "output" is missing'),
    ));
});
