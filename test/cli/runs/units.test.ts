import { expect, it } from 'vitest';
import { callsFor, unitFiles } from '../../../src/cli/runs/units.ts';

it('is known for a configuration by what it calls, spaces and quotes among it', () => {
  const configDir = "/etc/hold fast/it's 100 %";
  const texts = (['daemon', 'cron'] as const).map((kind) => {
    return unitFiles(kind, { command: ['/usr/bin/node', '/opt/main.ts'], configDir })[0]!.text;
  });

  for (const text of texts) {
    expect(callsFor(text, configDir)).toBe(true);
    expect(callsFor(text, '/etc/hold')).toBe(false);
  }
});
