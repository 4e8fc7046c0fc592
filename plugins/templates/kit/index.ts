/** What templates share, and what a third party's template may build on: `evolving-alpaca/templates`. */

export { type Conversation, conversationOf } from './turns.js';
export { templateOf, type Wording } from './wording.js';
