import { expect } from 'chai';
import { stepLine, taskLine } from '../../../plugins/trackers/progress/status-line.js';
import { STEP } from '../../support/sample-events.js';

describe('the line at the bottom of a terminal', () => {
  const state = {
    steps: 1200,
    stepsBefore: 0,
    secondsGone: 754,
    event: { ...STEP, step: 354, tokensPerSecond: 12_345 },
  };

  it('fits every terminal: the bar shrinks, then what matters least goes', () => {
    const all = '354/1200  loss 1.2346  lr 3.0e-4  12345 tok/s  512 MiB';
    expect(stepLine(state, 120)).to.equal(
      `${'█'.repeat(9)}${'░'.repeat(21)}  29%  ${all}  12:34  30:02 left`,
    );
    expect(stepLine(state, 80)).to.equal(`29%  ${all}  12:34  30:02 left`);
    expect(stepLine(state, 75)).to.equal(`29%  ${all}  30:02 left`);
    expect(stepLine(state, 70)).to.equal(`${all}  30:02 left`);
    expect(stepLine(state, 60)).to.equal('354/1200  loss 1.2346  lr 3.0e-4  12345 tok/s  30:02 left');
    expect(stepLine(state, 40)).to.equal('█░░░  354/1200  loss 1.2346  30:02 left');
    for (let columns = 1; columns <= 200; columns++) {
      expect(stepLine(state, columns)).to.have.length.below(Math.max(columns, 1) + (columns === 1 ? 1 : 0));
    }
  });

  it('has the memory of the process, or that of the device where it has one of its own', () => {
    const onDevice = { ...state, event: { ...state.event, peakDeviceMemory: 3 * 2 ** 30 } };
    expect(stepLine(onDevice, 100)).to.include('  12345 tok/s  3,072 MiB  12:34  ');
  });

  it('has step, loss, learning rate, tokens a second, memory and time left in 80 columns, in a long run too', () => {
    const event = { ...state.event, step: 10_000, memory: 90 * 2 ** 30, tokensPerSecond: 123_456 };
    const line = stepLine({ steps: 100_000, stepsBefore: 0, secondsGone: 36_000, event }, 80);
    expect(line).to.equal('10000/100000  loss 1.2346  lr 3.0e-4  123456 tok/s  92,160 MiB  90:00:00 left');
  });

  it('is there before the first step', () => {
    const line = stepLine({ steps: 20, stepsBefore: 0, secondsGone: 3 }, 80);
    expect(line).to.match(/^░+ {2}0% {2}0\/20 {2}loss – {2}lr – {2}– tok\/s {2}– {2}0:03 {2}– left$/);
  });

  it('tells of what is not a step', () => {
    const evaluating = { type: 'progress', task: 'evaluating', done: 500, total: 2000 } as const;
    expect(taskLine(evaluating, 10, 50)).to.match(/^█+░+ {2}evaluating {2}25% {2}500 of 2,000 {2}0:30 left$/);
    const reading = { type: 'progress', task: 'reading', done: 12_000 } as const;
    expect(taskLine(reading, 10, 80)).to.equal('reading data  12,000 records');
  });
});
