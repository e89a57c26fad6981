/**
 * The promise in its strongest form: a tree with every kind of entry goes through a backup and comes back
 * different in nothing, by our restore, by rescue.py, and by stock tar but for what stock tar cannot do.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, openLab } from '../../support/backup.ts';
import { compareTrees, type TreeDifference } from '../../support/compare-trees.ts';
import { type FilesystemKind, type MountedFilesystem, mountFilesystem } from '../../support/filesystems.ts';
import { buildFixtureTree } from '../../support/fixture-tree.ts';

/** The commands of docs/format.md, section 7, with its limits: all of them and no other. */
const tars = {
  'GNU tar': {
    command: "tar --xattrs --xattrs-include='*' --acls --numeric-owner --same-owner -xpf -",
    beyondPathMax: /^deep-x+(\/deep-x+){18,} (missing|mtime)$/,
    complaint: /Cannot mkdir: File name too long/,
    limits: ['sockets'],
  },
  bsdtar: {
    command: '(umask 013; bsdtar --xattrs --acls --numeric-owner --same-owner -xpf -)',
    beyondPathMax: /^deep-x+(\/deep-x+){18,}(\/(link|hard|fifo|empty))? (missing|mtime|mode)$/,
    complaint: /Can't create '.*': File name too long/,
    limits: ['sockets', 'fractions before 1970', 'attribute names', 'large ids in ACLs'],
  },
} as const;

const known: Readonly<Record<(typeof tars)['bsdtar']['limits'][number], RegExp>> = {
  sockets: /^(special|links|links\/other)\/(0-)?socket missing$/,
  'fractions before 1970':
    /^times\/((directory-|fifo-|symlink-)?(half-second-)?before-1970|linked(-too)?) mtime$/,
  'attribute names': /^xattrs\/(name-21|name-31|odd-names) xattr$/,
  'large ids in ACLs': /^acls\/(both|unknown) xattr$/,
};

describe.each<FilesystemKind>(['ext4', 'xfs', 'btrfs', 'tmpfs'])('the fixture on %s', (kind) => {
  const directory = mkdtempSync(join(tmpdir(), `holdfast-fidelity-${kind}-`));
  let mounted: MountedFilesystem;
  let lab: Lab;
  let tree: string;

  beforeAll(async () => {
    mounted = mountFilesystem(kind);
    tree = join(mounted.path, 'tree');
    await buildFixtureTree(tree);
    lab = await openLab(directory);
  });
  afterAll(async () => {
    await lab.close();
    mounted.unmount();
    rmSync(directory, { recursive: true, force: true });
  });

  it('is backed up without a warning', async () => {
    const { snapshot, exitStatus } = await lab.backUp({ shadow: tree });

    expect(snapshot.body.warnings).toEqual([]);
    expect(exitStatus).toBe(0);
  });

  it('comes back with no difference', async () => {
    const target = join(mounted.path, 'restored');
    const { warnings, failures, exitStatus } = await lab.restore(target);

    expect({ warnings, failures, exitStatus }).toEqual({ warnings: [], failures: [], exitStatus: 0 });
    expect(await differences(tree, join(target, 'shadow'))).toEqual([]);
    rmSync(target, { recursive: true });
  });

  it('comes back with no difference through rescue.py', async () => {
    const target = join(mounted.path, 'rescued');
    const { status, stderr } = await lab.rescue('restore', 'latest', '--account', 'site1', '--to', target);

    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(await differences(tree, join(target, 'shadow'))).toEqual([]);
    rmSync(target, { recursive: true });
  });

  it.each(['GNU tar', 'bsdtar'] as const)('comes back through %s but for its known limits', async (name) => {
    const target = join(mounted.path, 'extracted');
    const { command, beyondPathMax, complaint, limits } = tars[name];
    const stderr = extract(lab, command, target);
    const found = (await differences(tree, join(target, 'shadow'))).map(
      ({ path, field }) => `${path} ${field}`,
    );
    const expected = limits.map((limit) => known[limit]);

    expect(stderr).toMatch(complaint);
    expect(found.filter((one) => ![...expected, beyondPathMax].some((limit) => limit.test(one)))).toEqual([]);
    // A limit that is gone is to be struck from the documentation.
    expect(expected.filter((limit) => !found.some((one) => limit.test(one)))).toEqual([]);
    rmSync(target, { recursive: true });
  });
});

describe('a small tree', () => {
  it('gets the default ACLs of its directories from bsdtar, which makes them before it reads of them', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-fidelity-small-'));
    const tree = join(directory, 'tree');
    const made = { shared: 0o755, private: 0o700 };
    for (const [name, mode] of Object.entries(made)) {
      mkdirSync(join(tree, name), { recursive: true });
      writeFileSync(join(tree, name, 'file'), '');
      chmodSync(join(tree, name), mode);
      execFileSync('setfacl', ['-m', 'd:u:33:rx', join(tree, name)]);
    }
    const lab = await openLab(directory);
    await lab.backUp({ shadow: tree });
    const target = join(directory, 'extracted');
    for (const mask of ['022', '077']) {
      extract(lab, `(umask ${mask}; ${tars.bsdtar.command})`, target);
      const { differences } = await compareTrees(tree, join(target, 'shadow'));
      expect(differences).toEqual([]);
      rmSync(target, { recursive: true });
    }
    await lab.close();
    rmSync(directory, { recursive: true });
  });
});

async function differences(a: string, b: string): Promise<readonly TreeDifference[]> {
  const { entries, differences } = await compareTrees(a, b);
  expect(entries).toBeGreaterThan(4000);
  return differences;
}

function extract(lab: Lab, command: string, target: string): string {
  mkdirSync(target);
  const data = join(lab.storePath, 'data');
  const segments = readdirSync(data, { recursive: true, encoding: 'utf8' })
    .filter((key) => key.endsWith('.tar.zst'))
    .sort()
    .map((key) => join(data, key));
  const script = `zstd -dcq "$@" | ${command}`;
  return spawnSync('sh', ['-c', script, 'sh', ...segments], { cwd: target }).stderr.toString();
}
