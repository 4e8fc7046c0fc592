/** What metrics share: the questions of held-out rows, their final answers, and means with standard errors. */

export { answerIn, plain } from './final-answer.js';
export { meanOf } from './mean.js';
export { type Question, questionsOf } from './questions.js';
