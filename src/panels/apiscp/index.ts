export { apiscpPanel } from './apiscp-panel.ts';
