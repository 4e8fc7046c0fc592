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
    const wide = '29%  354/1200  loss 1.2346  lr 3.0e-4  12345 tokens/s  12:34  30:02 left';
    expect(stepLine(state, 120)).to.equal(`${'█'.repeat(9)}${'░'.repeat(21)}  ${wide}`);
    expect(stepLine(state, 80)).to.equal(`██░░░  ${wide}`.replace('██░░░  ', '█░░░░  '));
    expect(stepLine(state, 60)).to.equal('29%  354/1200  loss 1.2346  lr 3.0e-4  12:34  30:02 left');
    expect(stepLine(state, 40)).to.equal('29%  354/1200  loss 1.2346  30:02 left');
    for (let columns = 1; columns <= 200; columns++) {
      expect(stepLine(state, columns)).to.have.length.below(Math.max(columns, 1) + (columns === 1 ? 1 : 0));
    }
  });

  it('has the memory of the device, where it has one of its own and there is room', () => {
    const onDevice = { ...state, event: { ...state.event, peakDeviceMemory: 3 * 2 ** 30 } };
    expect(stepLine(onDevice, 100)).to.include('  12345 tokens/s  3,072 MiB  12:34  ');
    expect(stepLine(onDevice, 72)).to.equal(stepLine(state, 72));
  });

  it('is there before the first step', () => {
    const line = stepLine({ steps: 20, stepsBefore: 0, secondsGone: 3 }, 80);
    expect(line).to.match(/^░+ {2}0% {2}0\/20 {2}loss – {2}lr – {2}– tokens\/s {2}0:03 {2}– left$/);
  });

  it('tells of what is not a step', () => {
    const evaluating = { type: 'progress', task: 'evaluating', done: 500, total: 2000 } as const;
    expect(taskLine(evaluating, 10, 50)).to.match(/^█+░+ {2}evaluating {2}25% {2}500 of 2,000 {2}0:30 left$/);
    const reading = { type: 'progress', task: 'reading', done: 12_000 } as const;
    expect(taskLine(reading, 10, 80)).to.equal('reading data  12,000 records');
  });
});
