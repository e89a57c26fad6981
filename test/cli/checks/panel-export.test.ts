import { expect, it } from 'vitest';
import { checkPanelExport } from '../../../src/cli/checks/hooks.ts';

const stated = async (command: string | null) => {
  const panelExport = command === null ? null : { command: [command], stallMinutes: 10 };
  const checks = await checkPanelExport({ export: 'panel', panelExport });
  return checks.map(({ state, code, detail }) => [state, code, detail]);
};

it('an exporter of the panel that cannot run is an error', async () => {
  expect(await checkPanelExport({ export: 'direct', panelExport: null })).toEqual([]);
  expect(await stated('/bin/true')).toEqual([
    ['ok', null, 'databases are exported by the panel: /bin/true can be run'],
  ]);
  expect(await stated('/no/such')).toEqual([
    ['error', 'EXPORT_FAILED', 'databases are exported by the panel, and /no/such cannot be found: ENOENT'],
  ]);
  expect(await stated(null)).toMatchObject([['error', 'CONFIG_INVALID', expect.anything()]]);
});
