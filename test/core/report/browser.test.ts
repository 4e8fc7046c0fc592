/**
 * The page of `evolve report` in a real browser. `EVOLVE_PICTURES` names a folder that gets the pictures, to be looked at.
 */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { reportPage } from '../../../core/report/page.js';
import { readRun } from '../../../core/report/run-record.js';
import { Browser, findChromium, type View } from '../../support/browser.js';
import { TemporaryFolder } from '../../support/files.js';
import { leaveRun } from '../../support/run-folder.js';
import { skip } from '../../support/skip.js';

const WIDE: View = { width: 1400, height: 900, scheme: 'light' };
const EVIL = '</script><script>document.title="evil"</script><img src="http://127.0.0.1:9/x.png">';

/** Of each curve how many of its pixels have a colour: grid and numbers are grey. */
const COLOURED = `[...document.querySelectorAll('.plot canvas')].map((canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4)
    if (data[i + 3] > 60 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 60) count++;
  return count;
})`;
/** How bright a colour of CSS is, from 0 to 255. */
const brightness = (of: string) =>
  `getComputedStyle(document.body).${of}.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part) / 3, 0)`;

describe('the page of evolve report in a browser', function () {
  this.timeout(120_000);
  let folder: TemporaryFolder;
  let browser: Browser;
  let one: string;
  let several: string;
  before(async function () {
    const command = findChromium();
    if (!command) skip(this, 'there is no chromium (EVOLVE_CHROMIUM names one)');
    folder = new TemporaryFolder();
    const samples = [
      { step: 0, instruction: EVIL, input: '', expected: 'Paris', answer: '' },
      { step: 10_000, instruction: EVIL, input: '', expected: 'Paris', answer: 'It is Paris.' },
    ];
    const plan = { steps: 10_000, sources: [{ name: 'alpaca', rows: 52_000 }], memory: { weights: 2 ** 30 } };
    const long = readRun(leaveRun(folder, 'long', { steps: 10_000, bySource: true, samples, plan }));
    const other = readRun(leaveRun(folder, 'other', { steps: 300, seed: 2, bySource: true, result: null }));
    one = folder.write('one.html', reportPage([long]));
    several = folder.write('several.html', reportPage([long, other]));
    browser = await Browser.open(command);
  });
  after(async () => {
    await browser?.close();
    folder?.remove();
  });
  afterEach(() => {
    expect(browser.complaints).to.deep.equal([]);
    // Nothing but the pages themselves.
    const pages = [one, several].map((file) => pathToFileURL(file).href);
    expect(browser.requests.filter((url) => !pages.includes(url))).to.deep.equal([]);
  });

  const photograph = async (name: string) => {
    const picture = await browser.picture();
    expect(picture.subarray(1, 4).toString()).to.equal('PNG');
    if (process.env.EVOLVE_PICTURES)
      writeFileSync(path.join(process.env.EVOLVE_PICTURES, `${name}.png`), picture);
  };

  it('opens in under a second with 10,000 steps, every curve drawn', async () => {
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      await browser.show(one, WIDE);
      times.push(Number(await browser.evaluate('document.documentElement.dataset.drawn')));
    }
    // Other tests run beside this one.
    expect(Math.min(...times)).to.be.below(1000);
    expect(await browser.evaluate('document.title')).to.equal('long – evolve report');
    const coloured = await browser.evaluate<number[]>(COLOURED);
    expect(coloured).to.have.length(7);
    for (const count of coloured) expect(count).to.be.above(400);
  });

  for (const [name, file] of [
    ['one run', () => one],
    ['several runs', () => several],
  ] as const)
    for (const scheme of ['light', 'dark'] as const)
      it(`shows ${name} in ${scheme} colours, wide and narrow`, async () => {
        for (const width of [1400, 400]) {
          await browser.show(file(), { ...WIDE, width, scheme });
          const [page, text] = await browser.evaluate<[number, number]>(
            `[${brightness('backgroundColor')}, ${brightness('color')}]`,
          );
          expect(scheme === 'light' ? page - text : text - page).to.be.above(180);
          for (const count of await browser.evaluate<number[]>(COLOURED)) expect(count).to.be.above(200);
          // Nothing must be scrolled sideways but wide tables.
          expect(await browser.evaluate('document.documentElement.scrollWidth')).to.equal(width);
          await photograph(`${name.replace(' ', '-')}-${scheme}-${width}`);
        }
      });

  it('draws the curves anew when the browser turns dark', async () => {
    await browser.show(one, WIDE);
    const drawn = `document.querySelector('.plot canvas').toDataURL()`;
    const light = await browser.evaluate(drawn);
    await browser.look({ ...WIDE, scheme: 'dark' });
    await browser.evaluate('new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 50)))');
    expect(await browser.evaluate(drawn)).to.not.equal(light);
  });

  it('tells the numbers under the pointer, and hides the lines of a name by a click', async () => {
    await browser.show(several, WIDE);
    const box = `document.querySelector('.u-over').getBoundingClientRect()`;
    const [left, top, width] = await browser.evaluate<number[]>(
      `(document.querySelector('.chart').scrollIntoView(), [${box}.left, ${box}.top, ${box}.width])`,
    );
    await browser.movePointer(left + width / 2, top + 50);
    const tooltips = () =>
      browser.evaluate<string[]>(
        `[...document.querySelectorAll('.tooltip')].filter((tip) => !tip.hidden).map((tip) => tip.innerText)`,
      );
    const [text, ...others] = await tooltips();
    expect(others).to.deep.equal([]);
    expect(text).to.match(
      /^step [45],\d{3}\nlong, training 1\.\d+\nlong, held-out at 5,000 1\.271\nother, training /,
    );
    await browser.evaluate(`document.querySelector('.legend button').click()`);
    await browser.movePointer(left + width / 2 + 5, top + 50);
    expect((await tooltips())[0]).to.not.include('long');
  });

  it('shows texts as they are, whatever they hold', async () => {
    await browser.show(one, WIDE);
    expect(await browser.evaluate(`document.querySelector('.sample h3').textContent`)).to.equal(EVIL);
    expect(await browser.evaluate('document.title')).to.equal('long – evolve report');
    const answers = await browser.evaluate(
      `[...document.querySelectorAll('.sample p')].map((p) => p.textContent)`,
    );
    expect(answers).to.deep.equal(['an empty answer', 'It is Paris.', 'Paris']);
  });
});
