import { definePlugin } from '../../../core/index.js';

export default definePlugin({ name: 'alpaca', apiVersion: 2, family: 'templates', apply() {} });
