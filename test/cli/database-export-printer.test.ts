import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { DatabaseExportPrinter, exportStatus } from '../../src/cli/database-export-printer.ts';
import type { DatabaseExportDocument } from '../../src/cli/documents/database-export.ts';
import { Output } from '../../src/cli/output.ts';
import { errorCodes, HoldfastError } from '../../src/core/errors.ts';

const skipped = [
  { account: 'site1', instance: 'main', database: 'exa_\u001bapp', reason: 'no-place' as const },
];
const report: DatabaseExportDocument = {
  ...{
    target: 'accounts',
    startedAt: '',
    endedAt: '',
    exitStatus: 0,
    databases: [],
    unconfiguredEngines: [],
  },
  skipped,
};

describe('DatabaseExportPrinter', () => {
  it('names what has no place, and says once that a server does not answer', async () => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const output = new Output({ stdout, stderr }, { json: false, quiet: true });
    const printer = new DatabaseExportPrinter(output, { show() {}, close() {} });
    const error = new HoldfastError('DATABASE_UNREACHABLE', 'it is down', { hint: 'Start it.' });
    for (const account of ['site1', 'site2', 'site3'])
      printer.failed({ account, instance: 'maria', database: null, error });

    printer.report(report, 0);
    stderr.end();

    expect(await text(stderr)).toBe(
      `site1/maria/* and 2 other accounts: DATABASE_UNREACHABLE: it is down
  hint: Start it.
warning: site1: main/exa_\\u{1b}app has no place in the panel; use --to DIR or --to-store
warning: no database was exported: none has a place in the panel
`,
    );
  });
});

describe('exportStatus', () => {
  it('is no success where something has no place, and a failure where nothing has', () => {
    const done = { error: null, warnings: [] } as unknown as DatabaseExportDocument['databases'][number];
    expect(exportStatus([done], [], false)).toBe(0);
    expect(exportStatus([done], skipped, false)).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
    expect(exportStatus([], skipped, false)).toBe(errorCodes.TARGET_UNWRITABLE.exit);
    expect(exportStatus([], [], false)).toBe(errorCodes.FINISHED_WITH_WARNINGS.exit);
  });
});
