/** What metrics share: the questions of held-out rows, their final answers, means with standard errors, files of questions. */

export { ASKING, answersTo } from './asking.js';
export { answerIn, plain } from './final-answer.js';
export { meanOf } from './mean.js';
export { type Question, questionsOf } from './questions.js';
export { RecordFault, readRecords } from './records.js';
export { type Script, scriptOf } from './script.js';
