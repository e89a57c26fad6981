/** What a restore in place never deletes. */

import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { keptPaths } from '../../../../src/core/jobs/restore-in-place/kept-paths.ts';
import { accountAt } from '../../../support/in-place.ts';

const snapshotWith = (body: Partial<Snapshot['body']>): Snapshot =>
  ({
    name: 'one',
    body: { warnings: [], warningCounts: {}, exclusions: {}, ...body },
  }) as unknown as Snapshot;

describe('a path that stays', () => {
  it('lies below a directory whose names could not be read, or is one', () => {
    const warning = {
      code: 'unreadable',
      component: 'shadow',
      path: 'home/m%20l',
      pathEncoding: 'percent',
    } as const;
    const warnings = [{ ...warning, message: 'EIO' }];
    const keeps = keptPaths(snapshotWith({ warnings, warningCounts: { unreadable: 1 } }), accountAt('/tree'));

    for (const path of ['shadow/home/m l', 'shadow/home/m l/cur/1'])
      expect(keeps(Buffer.from(path))).toBe(true);
    for (const path of ['shadow', 'shadow/home', 'shadow/home/m', 'info/home/m l'])
      expect(keeps(Buffer.from(path))).toBe(false);
  });

  it('lies at any depth below what is excluded, then or now', () => {
    const trees = [{ name: 'shadow', path: '/tree', exclude: ['var/cache'] }];
    const keeps = keptPaths(
      snapshotWith({ exclusions: { shadow: ['*.tmp'] } }),
      accountAt('/tree', { trees }),
    );

    for (const path of ['shadow/var/cache', 'shadow/var/cache/a/b/c', 'shadow/x.tmp/a/b'])
      expect(keeps(Buffer.from(path))).toBe(true);
    for (const path of ['shadow/var', 'shadow/var/caches/a', 'shadow/a/x.tmp'])
      expect(keeps(Buffer.from(path))).toBe(false);
  });

  it('was not among what a tree took then', () => {
    const trees = [{ name: 'system', path: '/', exclude: [], include: ['etc', 'var/spool/cron'] }];
    const keeps = keptPaths(
      snapshotWith({ exclusions: { system: [] }, inclusions: { system: ['etc'] } }),
      accountAt('/', { trees }),
    );

    for (const path of ['system/var', 'system/var/spool/cron/root'])
      expect(keeps(Buffer.from(path))).toBe(true);
    for (const path of ['system', 'system/etc/hosts']) expect(keeps(Buffer.from(path))).toBe(false);
  });
});
