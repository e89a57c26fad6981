import { expect, it } from 'vitest';
import type { Output } from '../../src/cli/output.ts';
import { tellNext } from '../../src/cli/verify-printer.ts';
import { errorCodes } from '../../src/core/errors.ts';
import type { VerifyReport } from '../../src/core/jobs/verify-types.ts';

it('verify names repair where nothing but a key object is damaged, or a whole snapshot is missing', () => {
  const notes: string[] = [];
  const output = { note: (line: string) => void notes.push(line) } as unknown as Output;
  const exitStatus = errorCodes.OBJECT_DAMAGED.exit;
  const told = (kind: string, newestLost = 0) => {
    const report = {
      snapshots: [],
      histories: [{ kind }],
      newestLost,
      exitStatus,
    } as unknown as VerifyReport;
    tellNext(output, report, { addin: undefined, copy: undefined, readData: false });
    return notes.splice(0);
  };

  expect(told('key')).toEqual([expect.stringContaining('hint: Run `holdfast repair`')]);
  expect(told('gap')).toEqual([expect.stringContaining('hint: Run `holdfast repair`')]);
  expect(told('previous')).toEqual([]);
  expect(told('previous', 1)).toEqual([expect.stringContaining('`holdfast backup --level full` there')]);
});

it('verify says of locked snapshots what was checked: bytes only where it read them', () => {
  const notes: string[] = [];
  const output = { note: (line: string) => void notes.push(line) } as unknown as Output;
  const report = {
    snapshots: [{ locked: true, problems: [] }],
    histories: [],
    newestLost: 0,
    exitStatus: 0,
  } as unknown as VerifyReport;
  const asked = { addin: undefined, copy: undefined };

  tellNext(output, report, { ...asked, readData: false });
  tellNext(output, report, { ...asked, readData: true });

  expect(notes).toEqual([
    expect.stringMatching(/locked: only that stored objects are there, and their sizes, was checked; /),
    expect.stringMatching(/locked: only stored bytes were checked; /),
  ]);
});
