import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { warnOfTrees } from '../../../../src/core/jobs/restore/backup-warnings.ts';

const warnings = ['log', 'log2', 'mail/box'].map((path) => ({
  ...{ code: 'changed', component: 'shadow', path, message: 'changed while it was read' },
}));

/** What a restore of these paths says of a snapshot with those warnings and more of them that it does not list. */
function told(within: readonly string[], more = 0): string[] {
  const components = [{ type: 'tree', name: 'shadow' }];
  const exclusions = { shadow: ['mail/c*che'] };
  const body = {
    components,
    exclusions,
    warnings,
    warningCounts: { changed: warnings.length + more, vanished: 5 },
  };
  const said: string[] = [];
  warnOfTrees(
    { body } as unknown as Snapshot,
    within.map((path) => Buffer.from(path)),
    (code, path, message) => said.push(`${code} ${path}: ${message}`),
  );
  return said;
}

describe('what a restore repeats of the backup', () => {
  it('names each torn file that is restored, whether or not this run writes it', () => {
    expect(told(['shadow/log2'])).toEqual([
      'changed shadow/log2: when it was backed up: changed while it was read',
    ]);
    expect(told(['shadow/mail'])).toHaveLength(1);
    expect(told([''])).toHaveLength(3);
  });

  it('says of a directory that is asked for that its contents are left out on purpose', () => {
    const excluded = 'its contents are left out by the exclusion shadow/mail/c*che';
    expect(told(['shadow/mail/cache'])).toEqual([
      `excluded shadow/mail/cache: when it was backed up: ${excluded}`,
    ]);
  });

  it('says how many more there are where the snapshot does not list all', () => {
    expect(told(['shadow/mail'], 7).at(-1)).toBe(
      'changed account: when it was backed up: 7 more, which are not listed',
    );
  });
});
