export { genericPanel } from './generic-panel.ts';
